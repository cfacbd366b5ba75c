"""The schedule: which token of which stream goes into which step.

With d the delay of a stream (moshi-spec §3.2), step t takes in the text of step t - 1, and of each
audio stream the code of frame t - 1 - d, or the initial token while there is none. Step t yields the
text token of step t and, for each generated stream, the code of frame t - d. Hence step 0 needs no
sound and runs at the start of a stream, and the frame captured last is used in the very next step.
"""

import secrets
from collections import deque
from dataclasses import dataclass

import mlx.core as mx

from moshi_speaker.moshi.lm.sampling import Sampling, sampler
from moshi_speaker.moshi.lm.temporal import MoshiLm


@dataclass(frozen=True, slots=True)
class Step:
    """What one step yields; nothing is computed before it is evaluated."""

    text: mx.array
    """Sampled text token, shape (1,)."""
    codes: mx.array | None
    """Complete frame of generated codes, shape (1, streams, 1), or None while the delays fill."""
    raw: list[mx.array]
    """Tokens of the depth transformer as sampled, each (1,), in delayed alignment."""
    logits: mx.array
    """Text logits, shape (1, text_card), float32."""
    extra: mx.array | None
    """Probabilities of the extra heads, shape (1, heads, dim), if the model has any."""


class Generator:
    """Generates one stream after the other with one model; ``reset`` begins the next.

    Only the last few tokens are kept, so there is no limit to the length of a stream.
    """

    def __init__(self, model: MoshiLm, sampling: Sampling, dtype: mx.Dtype) -> None:
        """``dtype`` of the activations."""
        self._model = model
        self._config = model.config
        self._seed = sampling.seed
        self._choose_text = sampler(sampling.text_temperature, sampling.text_top_k)
        self._choose_audio = sampler(sampling.audio_temperature, sampling.audio_top_k)
        self._state = model.make_state(dtype)
        self.reset()

    def reset(self) -> None:
        """Begin a fresh stream; ``start`` comes next."""
        config = self._config
        self._state.reset()
        self._key = mx.random.key(secrets.randbits(63) if self._seed is None else self._seed)
        self._steps = 0
        self._text = mx.full((1,), config.text_card, dtype=mx.int32)
        # The codes of step s of stream k are those of frame s - d_k: a few steps back suffice.
        self._generated: deque[list[mx.array]] = deque(maxlen=config.max_delay + 1)
        self._heard: deque[mx.array] = deque(maxlen=max(config.delays) + 1)

    def start(self) -> Step:
        """Run step 0, on initial tokens alone."""
        if self._steps:
            raise RuntimeError("start() begins a stream; reset() first")
        return self._step()

    def step(self, codes: mx.array) -> Step:
        """Run the next step on the codes of the frame captured last, shape (1, at least heard, 1)."""
        if not self._steps:
            raise RuntimeError("start() comes before step()")
        self._heard.append(codes)
        return self._step()

    def state_arrays(self) -> list[mx.array]:
        """All that the next step builds on, to be evaluated together with a step."""
        return [*self._state.arrays(), self._key]

    def _step(self) -> Step:
        config = self._config
        hidden = self._model.hidden(self._text, self._inputs(), self._state)
        logits = self._model.text_logits(hidden)
        self._key, text_key, *audio_keys = mx.random.split(self._key, 2 + config.generated)
        self._text = self._choose_text(logits, text_key)
        raw = self._model.depformer(
            hidden, self._text, lambda scores, k: self._choose_audio(scores, audio_keys[k])
        )
        self._generated.append(raw)
        self._steps += 1
        extra = self._model.extra(hidden) if config.extra_heads else None
        return Step(self._text, self._complete(), raw, logits, extra)

    def _inputs(self) -> list[mx.array]:
        """One token (1,) for each audio stream of step ``self._steps``."""
        config, t = self._config, self._steps
        initial = mx.full((1,), config.card, dtype=mx.int32)
        tokens = []
        for stream, delay in enumerate(config.delays):
            if t <= delay:
                tokens.append(initial)
            elif stream < config.generated:
                tokens.append(self._generated[-1][stream])
            else:
                tokens.append(self._heard[-1 - delay][:, stream - config.generated, 0])
        return tokens

    def _complete(self) -> mx.array | None:
        """The frame whose last code was generated just now."""
        config = self._config
        if not config.generated or self._steps <= config.max_delay:
            return None
        tokens = [
            self._generated[-1 - (config.max_delay - delay)][stream]
            for stream, delay in enumerate(config.delays[: config.generated])
        ]
        return mx.stack(tokens, axis=1)[..., None]
