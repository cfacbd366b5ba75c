"""ELU, in the form that is fast on the device at hand."""

import mlx.core as mx

from moshi_speaker.moshi.device import on_cpu

_LOG2_E = 1.4426950408889634
_LOWEST = -80.0
"""From here on e^x - 1 is -1 in float32, and 2^n is still a normal number."""
_ROUNDER = 1.5 * 2.0**23
"""Added to a small float32 it leaves the nearest whole number in the lowest bits."""
_EXP2M1 = (0.6931471880, 0.2402234894, 0.0555035710, 0.0096663737, 0.0013390867)
"""(2^f - 1) / f for |f| <= 1/2 as a polynomial, lowest first: least squares at Chebyshev nodes."""


_MANY = 16_384
"""Values from which the many short steps of the polynomial cost less than the exponentials."""


def elu(x: mx.array) -> mx.array:
    """ELU with alpha 1 of float32; any shape. Within 2.4e-7 of the exact value."""
    if x.size >= _MANY and on_cpu():
        return _by_polynomial(x)
    return mx.maximum(x, mx.expm1(mx.minimum(x, 0.0)))


def _by_polynomial(x: mx.array) -> mx.array:
    # On a CPU, MLX computes exponentials one by one, but sums and products in vectors: half the time.
    y = mx.minimum(mx.maximum(x, _LOWEST), 0.0) * _LOG2_E
    rounded = y + _ROUNDER
    f = y - (rounded - _ROUNDER)
    lowest, *higher = _EXP2M1
    series = f * higher[-1]
    for coefficient in reversed((lowest, *higher[:-1])):
        series = (series + coefficient) * f
    # 2^n by its bits: n lies in the lowest bits of the rounded sum; it goes to the exponent.
    power = mx.view((mx.view(rounded, mx.int32) << 23) + (127 << 23), mx.float32)
    return mx.maximum(x, power * series + (power - 1.0))
