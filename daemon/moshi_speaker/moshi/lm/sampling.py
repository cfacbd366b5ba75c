"""Choosing a token from logits, always in float32."""

from collections.abc import Callable
from dataclasses import dataclass

import mlx.core as mx

Sampler = Callable[[mx.array, mx.array], mx.array]
"""Picks tokens (batch,), int32, from float32 logits (batch, card) with a random key."""


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


def sampler(temperature: float, top_k: int) -> Sampler:
    """A sampler among the ``top_k`` most likely tokens; temperature 0 takes the most likely one."""
    if temperature < 0 or top_k < 1:
        raise ValueError(f"temperature {temperature} must be 0 or more, top_k {top_k} 1 or more")
    if temperature < GREEDY_BELOW or top_k == 1:
        return _most_likely

    def sample(logits: mx.array, key: mx.array) -> mx.array:
        logits = logits.astype(mx.float32) / temperature
        card = logits.shape[-1]
        if top_k >= card:
            return mx.random.categorical(logits, key=key).astype(mx.int32)
        kept = mx.argpartition(logits, card - top_k, axis=-1)[..., card - top_k :]
        choice = mx.random.categorical(mx.take_along_axis(logits, kept, axis=-1), key=key)
        return mx.take_along_axis(kept, choice[..., None], axis=-1)[..., 0].astype(mx.int32)

    return sample


def _most_likely(logits: mx.array, key: mx.array) -> mx.array:
    return mx.argmax(logits, axis=-1).astype(mx.int32)
