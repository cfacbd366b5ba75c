"""Causal multi-head attention over a sliding window."""

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.cache import KVRing, Span
from moshi_speaker.moshi.rope import rotate


class Attention(nn.Module):
    """Self-attention without biases; rows of ``in_proj`` are [Q; K; V], each heads x head_dim."""

    def __init__(self, dim: int, num_heads: int, max_period: float | None) -> None:
        """``max_period`` of the rotary embedding, or None for no positions at all."""
        super().__init__()
        self.in_proj = nn.Linear(dim, 3 * dim, bias=False)
        self.out_proj = nn.Linear(dim, dim, bias=False)
        self._num_heads = num_heads
        self._max_period = max_period

    def __call__(self, x: mx.array, ring: KVRing, span: Span) -> mx.array:
        """Attend from x, shape (batch, time, dim), to the ring, which takes in x's keys; same shape out."""
        batch, time, dim = x.shape
        head_dim = dim // self._num_heads
        packed = self.in_proj(x).reshape(batch, time, 3, self._num_heads, head_dim)
        queries, keys, values = packed.transpose(2, 0, 3, 1, 4)
        if self._max_period is not None:
            # Keys are stored after rotation, so their order in the ring does not matter.
            queries = rotate(queries, span.offset, self._max_period)
            keys = rotate(keys, span.offset, self._max_period)
        keys, values = ring.write(keys, values, span)
        attended = mx.fast.scaled_dot_product_attention(
            queries, keys, values, scale=head_dim**-0.5, mask=span.mask
        )
        return self.out_proj(attended.transpose(0, 2, 1, 3).reshape(batch, time, dim))
