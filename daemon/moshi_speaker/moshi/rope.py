"""Rotary position embedding on interleaved pairs."""

import mlx.core as mx


def rotate(x: mx.array, offset: int, max_period: float) -> mx.array:
    """Rotate queries or keys, shape (batch, heads, time, head_dim), by their absolute positions.

    Pair d of head_dim D is (x[2d], x[2d+1]) and turns by position * max_period^(-2d/D)
    (moshi-spec §1.1). MLX computes the angles in float32 and keeps the input's dtype.
    """
    return mx.fast.rope(x, x.shape[-1], traditional=True, base=max_period, scale=1.0, offset=offset)
