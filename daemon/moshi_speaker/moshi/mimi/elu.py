"""ELU, in the form that is fast on the device at hand."""

from functools import lru_cache

import mlx.core as mx

from moshi_speaker.moshi.device import on_cpu

_LOG2_E = 1.4426950408889634
_LOWEST = -80.0
"""From here on e^x - 1 is -1 in float32, and 2^n is still a normal number."""
_ROUNDER = 1.5 * 2.0**23 + 127
"""Added to a small float32 it leaves the nearest whole number, plus the exponent of 1, in the lowest bits."""
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
    floats, mantissa_bits = _constants(x.shape)
    zero, one, lowest, log2_e, rounder, *coefficients, highest = floats
    y = mx.minimum(mx.maximum(x, lowest), zero) * log2_e
    rounded = y + rounder
    f = y - (rounded - rounder)
    series = f * highest
    for coefficient in reversed(coefficients):
        series = (series + coefficient) * f
    # 2^n by its bits: n lies in the lowest bits of the rounded sum; it goes to the exponent.
    power = mx.view(mx.view(rounded, mx.int32) << mantissa_bits, mx.float32)
    return mx.maximum(x, power * series + (power - one))


@lru_cache(maxsize=64)
def _constants(shape: tuple[int, ...]) -> tuple[list[mx.array], mx.array]:
    # As views of the full shape: a plain number would be a step of its own each time.
    numbers = (0.0, 1.0, _LOWEST, _LOG2_E, _ROUNDER, *_EXP2M1)
    floats = [mx.broadcast_to(mx.array(number, mx.float32), shape) for number in numbers]
    mantissa_bits = mx.broadcast_to(mx.array(23, mx.int32), shape)
    mx.eval(floats, mantissa_bits)
    return floats, mantissa_bits
