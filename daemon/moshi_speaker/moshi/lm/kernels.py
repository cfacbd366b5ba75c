"""Arithmetic in the form that is fastest where it runs.

On a GPU each of MLX's fast operations is one kernel. On a CPU MLX takes them apart into many, and the
cost of starting one is most of the cost of a short vector: hence forms of our own with few of them.
"""

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.device import on_cpu

RMS_NORM_EPS = 1e-8
"""Of ``rms_norm_f32`` (moshi-spec §2.3)."""


class RmsNorm(nn.Module):
    """x / sqrt(mean(x²) + 1e-8) * weight, in float32 inside (moshi-spec §2.3)."""

    def __init__(self, dim: int) -> None:
        """Of a stream of ``dim`` channels."""
        super().__init__()
        self.weight = mx.ones((dim,))
        self._eps = mx.array([[RMS_NORM_EPS]])

    def __call__(self, x: mx.array) -> mx.array:
        """(1, dim) to the same, in the same type."""
        if not on_cpu():
            return mx.fast.rms_norm(x, self.weight, RMS_NORM_EPS)
        wide = x.astype(mx.float32)
        mean_square = mx.addmm(self._eps, wide, wide.T, alpha=1.0 / x.shape[-1])
        return (wide * mx.rsqrt(mean_square)).astype(x.dtype) * self.weight


def attend(
    queries: mx.array, keys: mx.array, values: mx.array, scale: float, bias: mx.array | None = None
) -> mx.array:
    """Attention of one step: (1, heads, 1, width) over keys and values (1, heads, seen, width).

    ``bias``: added to the scores, of a shape that fits (1, heads, 1, seen).
    """
    if not on_cpu():
        return mx.fast.scaled_dot_product_attention(queries, keys, values, scale=scale, mask=bias)
    keys = keys.swapaxes(2, 3)
    if bias is not None:
        scores = mx.addmm(bias, queries, keys, alpha=scale)
    else:
        scores = (queries if scale == 1.0 else queries * scale) @ keys
    return mx.softmax(scores, axis=-1) @ values


def add_product(x: mx.array, y: mx.array, linear: nn.Module) -> mx.array:
    """``x`` plus the projection of ``y``; one operation where the weights are plain."""
    if isinstance(linear, nn.Linear):
        return mx.addmm(x, y, linear.weight.T)
    projected: mx.array = x + linear(y)
    return projected


# MLX's own activations are compiled functions, which on a CPU run a C++ compiler and leave files behind.


def silu(x: mx.array) -> mx.array:
    """x * sigmoid(x), any shape."""
    return x * mx.sigmoid(x)
