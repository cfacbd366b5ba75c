import mlx.core as mx
import pytest

from moshi_speaker.moshi.lm import unpacking
from moshi_speaker.moshi.lm.layout import Q4, Q8, Quantization


@pytest.mark.parametrize("quantization", [Q8, Q4])
@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16])
def test_an_unpacked_matrix_is_that_of_mlx_bit_for_bit(
    quantization: Quantization, dtype: mx.Dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_BLOCK", 1_000)  # several blocks, and a rest
    weight = mx.random.normal((33, 128), key=mx.random.key(0)).astype(mx.bfloat16)
    parts = mx.quantize(weight, quantization.group_size, quantization.bits)
    scales, biases = parts[1].astype(dtype), parts[2].astype(dtype)
    expected = mx.dequantize(parts[0], scales, biases, quantization.group_size, quantization.bits)
    unpacked = unpacking.unpacked(parts[0], parts[1], parts[2], quantization, dtype)
    assert unpacked.dtype == dtype
    assert mx.array_equal(unpacked, expected)
