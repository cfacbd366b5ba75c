"""Quantized matrices -> plain ones, for CPUs, where products with packed weights are many times slower."""

import mlx.core as mx

from moshi_speaker.moshi.lm.layout import Quantization

_BLOCK = 2**20
"""Weights unpacked at a time: the passes that it takes then find their arrays in the cache."""


def unpacked(
    weight: mx.array, scales: mx.array, biases: mx.array, quantization: Quantization, dtype: mx.Dtype
) -> mx.array:
    """The matrix (rows, columns) that packed ``weight``, ``scales`` and ``biases`` stand for, evaluated.

    The same numbers as ``mx.dequantize`` gives; on a CPU in less than half the time.
    """
    rows = max(1, _BLOCK // (scales.shape[1] * quantization.group_size))
    blocks = []
    for start in range(0, weight.shape[0], rows):
        part = slice(start, start + rows)
        groups = scales[part].astype(dtype)[..., None], biases[part].astype(dtype)[..., None]
        levels = _levels(weight[part], quantization.bits).astype(dtype)
        levels = levels.reshape(*groups[0].shape[:2], quantization.group_size)
        blocks.append((levels * groups[0] + groups[1]).flatten(1))
        mx.eval(blocks[-1])
    whole = mx.concatenate(blocks) if len(blocks) > 1 else blocks[0]
    mx.eval(whole)
    return whole


def _levels(packed: mx.array, bits: int) -> mx.array:
    """The integers in a packed matrix, low bits first (moshi-spec §2.7), as uint8."""
    octets = mx.view(packed, mx.uint8)
    return octets if bits == 8 else mx.stack([octets & 15, octets >> 4], axis=-1)
