"""Steps of the language model in their order: what was said and heard goes in, what is said comes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from moshi_speaker.moshi.lm.sampling import Draws, Sampling
from moshi_speaker.moshi.lm.temporal import MoshiLm
from moshi_speaker.moshi.lm.tokens import Tokens
from moshi_speaker.moshi.lm.window import BUCKET


@dataclass(frozen=True, slots=True)
class Step:
    """What one step yields; nothing is computed before it is evaluated."""

    text: mx.array
    """Sampled text token, shape (1,)."""
    codes: mx.array | None
    """Complete frame of generated codes, shape (1, streams, 1), or None while the delays fill."""
    raw: mx.array
    """Tokens of the depth transformer as sampled, shape (streams, 1), in delayed alignment."""
    logits: mx.array
    """Text logits, shape (1, text_card), float32."""
    extra: mx.array | None
    """Probabilities of the extra heads, shape (1, heads, dim), if the model has any."""


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


class Generator:
    """Generates one stream after the other with one model; ``reset`` begins the next.

    A step has two halves, so that the device may begin with the first while the second is put together.
    """

    def __init__(
        self, model: MoshiLm, sampling: Sampling, dtype: mx.Dtype, *, compiled: bool = False
    ) -> None:
        """``dtype`` of the activations; ``compiled``: let MLX trace and fuse the steps."""
        self._model = model
        self._config = model.config
        self._draws = Draws(model.config, sampling)
        self._rings = model.make_rings(dtype)
        self._compiled = compiled
        self._bucket = BUCKET if compiled else 1
        wrap: Callable[[Callable[..., Any]], Callable[..., Any]] = mx.compile if compiled else _as_it_is
        self._first_half, self._second_half = wrap(self._hear), wrap(self._speak)
        self.reset()

    def reset(self) -> None:
        """Begin a fresh stream; ``start`` comes next."""
        self._draws.reset()
        self._noise = self._draws.noise()
        # Slots of the rings are never read before they are written, so they may stay.
        self._tokens = Tokens(self._config)
        self._hidden: mx.array | None = None

    def start(self) -> Step:
        """Run step 0, on initial tokens alone."""
        if self._tokens.steps:
            raise RuntimeError("start() begins a stream; reset() first")
        self._begin()
        return self.finish()

    def step(self, codes: mx.array) -> Step:
        """Run the next step on the codes of the frame captured last, shape (1, at least heard, 1)."""
        self.begin(codes)
        return self.finish()

    def begin(self, codes: mx.array) -> mx.array:
        """The first half of a step, up to the text token, which is returned, shape (1,)."""
        if not self._tokens.steps:
            raise RuntimeError("start() comes before step()")
        self._tokens.hear(codes)
        return self._begin()

    def finish(self) -> Step:
        """The second half: Moshi's voice."""
        assert self._hidden is not None, "begin() comes before finish()"
        raw = self._second_half(self._hidden, self._text, self._noise)
        extra = self._model.extra(self._hidden) if self._config.extra_heads else None
        self._tokens.say(self._text, raw)
        self._noise = self._draws.noise()
        self._hidden = None
        return Step(self._text, self._tokens.complete(), raw, self._logits, extra)

    def state_arrays(self) -> list[mx.array]:
        """What a step changes besides what it yields, to be evaluated together with it."""
        return [*self._rings]

    def ahead(self) -> list[mx.array]:
        """What of the next step needs no more sound, to be computed while this one's is played."""
        return [self._draws.key, self._noise]

    def _begin(self) -> mx.array:
        context, t = self._config.context, self._tokens.steps
        seen = min(-(-(t + 1) // self._bucket) * self._bucket, context)
        position = mx.array([t], mx.int32)
        self._hidden, self._logits, self._text, self._rings = self._first_half(
            self._tokens.inputs(), position, self._noise, self._rings, seen, t + 1 < seen
        )
        text: mx.array = self._text
        return text

    def _hear(
        self,
        tokens: mx.array,
        position: mx.array,
        noise: mx.array,
        rings: Sequence[mx.array],
        seen: int,
        partial: bool,
    ) -> tuple[mx.array, mx.array, mx.array, list[mx.array]]:
        """The pure part of the first half: normed output, text logits, text token, and the rings."""
        hidden, logits, rings = self._model.hear(tokens, position, rings, seen, partial, self._compiled)
        # Tokens are far below 2³¹: the same bits with another sign cost no cast.
        text = mx.view(self._draws.text(logits, noise[: self._draws.text.candidates]), mx.int32)
        return hidden, logits, text, rings

    def _speak(self, hidden: mx.array, text: mx.array, noise: mx.array) -> mx.array:
        """The pure part of the second half: what the depth transformer samples, shape (streams, 1)."""
        audio, first = self._draws.audio, self._draws.text.candidates

        def choose(logits: mx.array, k: int) -> mx.array:
            start = first + k * audio.candidates
            return audio(logits, noise[start : start + audio.candidates])

        return self._model.depformer(hidden, text, choose)
