"""Choosing a token from logits, always in float32."""

import secrets
from dataclasses import dataclass

import mlx.core as mx
import numpy as np

from moshi_speaker.moshi.config import LmConfig


@dataclass(frozen=True, slots=True)
class Sampling:
    """How freely tokens are sampled; the defaults are those Moshi was tuned with (moshi-spec §3.6)."""

    text_temperature: float = 0.7
    text_top_k: int = 25
    audio_temperature: float = 0.8
    audio_top_k: int = 250
    seed: int | None = None
    """None: another seed for each stream."""


GREEDY_BELOW = 1e-4
"""Temperatures below it count as 0: logits that are divided by less would overflow."""

GREEDY = Sampling(text_temperature=0.0, audio_temperature=0.0)


class Sampler:
    """Samples among the ``top_k`` most likely tokens; temperature 0 takes the most likely one.

    The largest of logit + temperature * Gumbel noise is a draw from softmax(logits / temperature), so
    that the noise of many draws can be had at once, before there is any logit.
    """

    def __init__(self, temperature: float, top_k: int, card: int) -> None:
        """Of ``card`` tokens."""
        if temperature < 0 or top_k < 1:
            raise ValueError(f"temperature {temperature} must be 0 or more, top_k {top_k} 1 or more")
        greedy = temperature < GREEDY_BELOW or top_k == 1
        self.temperature = 0.0 if greedy else temperature
        self.candidates = 1 if greedy else min(top_k, card)
        """Numbers of noise that a draw takes; a greedy one looks at none."""
        self._card = card

    def __call__(self, logits: mx.array, noise: mx.array) -> mx.array:
        """Pick tokens (batch,), uint32, from float32 logits (batch, card).

        ``noise`` is Gumbel noise times the temperature, in a shape that fits (batch, candidates).
        """
        if self.candidates == 1:
            return mx.argmax(logits, axis=-1)
        if self.candidates == self._card:
            return mx.argmax(logits + noise, axis=-1)
        first = self._card - self.candidates
        kept = mx.argpartition(logits, first, axis=-1)[..., first:]
        scores = mx.take_along_axis(logits, kept, axis=-1) + noise
        choice = mx.argmax(scores, axis=-1, keepdims=True)
        return mx.take_along_axis(kept, choice, axis=-1)[..., 0]


class Draws:
    """All random numbers of a stream; those of one step are drawn at once."""

    def __init__(self, config: LmConfig, sampling: Sampling) -> None:
        """One sampler for the text and one for the sound, which is drawn once a generated stream."""
        self.text = Sampler(sampling.text_temperature, sampling.text_top_k, config.text_card)
        self.audio = Sampler(sampling.audio_temperature, sampling.audio_top_k, config.card)
        self._seed = sampling.seed
        counts = [self.text.candidates, *[self.audio.candidates] * config.generated]
        temperatures = [self.text.temperature, *[self.audio.temperature] * config.generated]
        self._scale = mx.array(np.repeat(np.array(temperatures, np.float32), counts))
        self._greedy = not any(temperatures)
        self.reset()

    def reset(self) -> None:
        """Begin a fresh stream."""
        self.key = mx.random.key(secrets.randbits(63) if self._seed is None else self._seed)

    def noise(self) -> mx.array:
        """Gumbel noise of the next step, times the temperature: first the text's, then each pass's."""
        if self._greedy:
            return self._scale
        self.key, now = mx.random.split(self.key)
        return mx.random.gumbel(self._scale.shape, key=now) * self._scale
