"""Quantized matrices -> plain ones, for CPUs, where products with packed weights are many times slower."""

import mlx.core as mx

from moshi_speaker.moshi.lm.layout import Quantization

_BLOCK = 2**22
"""Weights unpacked at a time: MLX on a CPU takes several passes, each with an array of its own."""


def unpacked(
    weight: mx.array, scales: mx.array, biases: mx.array, quantization: Quantization, dtype: mx.Dtype
) -> mx.array:
    """The matrix (rows, columns) that packed ``weight``, ``scales`` and ``biases`` stand for, evaluated."""
    columns = scales.shape[1] * quantization.group_size
    rows = max(1, _BLOCK // columns)
    blocks = []
    for start in range(0, weight.shape[0], rows):
        part = slice(start, start + rows)
        block = mx.dequantize(
            weight[part],
            scales[part].astype(dtype),
            biases[part].astype(dtype),
            quantization.group_size,
            quantization.bits,
        )
        mx.eval(block)
        blocks.append(block)
    whole = mx.concatenate(blocks)
    mx.eval(whole)
    return whole
