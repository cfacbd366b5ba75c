"""The layer that the temporal and the depth transformer are built of."""

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.lm.kernels import RmsNorm, add_product, silu


class Attention(nn.Module):
    """The projections of self-attention; rows of ``in_proj`` are [Q; K; V], each heads x head_dim."""

    def __init__(self, dim: int) -> None:
        """Without biases (moshi-spec §2.1)."""
        super().__init__()
        self.in_proj = nn.Linear(dim, 3 * dim, bias=False)
        self.out_proj = nn.Linear(dim, dim, bias=False)


class Gating(nn.Module):
    """The projections of SwiGLU: the gate and the value, and back."""

    def __init__(self, dim: int, hidden: int) -> None:
        """Width of the stream and of each half."""
        super().__init__()
        self.linear_in = nn.Linear(dim, 2 * hidden, bias=False)
        self.linear_out = nn.Linear(hidden, dim, bias=False)


class Layer(nn.Module):
    """RMSNorm, attention, RMSNorm, SwiGLU; whom a step attends to is the caller's affair."""

    def __init__(self, dim: int, num_heads: int, hidden: int) -> None:
        """One layer for one token at a time."""
        super().__init__()
        self.norm1 = RmsNorm(dim)
        self.norm2 = RmsNorm(dim)
        self.self_attn = Attention(dim)
        self.gating = Gating(dim, hidden)
        self._heads = (3, num_heads, 1, dim // num_heads)

    def project(self, x: mx.array) -> mx.array:
        """Query, key and value, shape (3, heads, 1, head_dim), of the stream (1, dim)."""
        packed: mx.array = self.self_attn.in_proj(self.norm1(x))
        return packed.reshape(self._heads)

    def finish(self, x: mx.array, attended: mx.array) -> mx.array:
        """The stream after the layer; ``attended`` is (1, heads, 1, head_dim)."""
        x = add_product(x, attended.reshape(1, -1), self.self_attn.out_proj)
        gate, value = mx.split(self.gating.linear_in(self.norm2(x)), 2, axis=-1)
        return add_product(x, silu(gate) * value, self.gating.linear_out)
