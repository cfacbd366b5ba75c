"""Each layer against MLX's own dense convolution, and in pieces against itself."""

from collections.abc import Callable

import mlx.core as mx
import pytest

from moshi_speaker.moshi.mimi.conv import (
    Conv1d,
    ConvState,
    ConvTranspose1d,
    DepthwiseUpsample,
    conv_matrix,
    depthwise_taps,
    transposed_bias,
    transposed_matrix,
)

Layer = Callable[[mx.array, ConvState], mx.array]


def _noise(*shape: int, key: int = 0) -> mx.array:
    return mx.random.normal(shape, key=mx.random.key(key))


FEW, MANY = 1, 1000
"""Rows a frame: they settle the form of the product."""


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int, dilation: int, edge: bool = False, rows: int = FEW
) -> Conv1d:
    layer = Conv1d(inputs, outputs, kernel, rows=rows, stride=stride, dilation=dilation, edge=edge)
    matrix = layer.conv.conv.stored(layer.spread(conv_matrix(_noise(outputs, inputs, kernel, key=1))))
    bias = layer.spread(_noise(outputs, key=2))
    layer.load_weights([("conv.conv.weight", matrix), ("conv.conv.bias", bias)])
    return layer


def _transpose(inputs: int, outputs: int, stride: int, rows: int = FEW) -> ConvTranspose1d:
    layer = ConvTranspose1d(inputs, outputs, stride, rows=rows)
    matrix = layer.convtr.convtr.stored(transposed_matrix(_noise(inputs, outputs, 2 * stride, key=1)))
    bias = transposed_bias(_noise(outputs, key=2), stride)
    layer.load_weights([("convtr.convtr.weight", matrix), ("convtr.convtr.bias", bias)])
    return layer


def _upsample(channels: int, stride: int) -> DepthwiseUpsample:
    layer = DepthwiseUpsample(channels, stride)
    taps = depthwise_taps(_noise(channels, 1, 2 * stride, key=1))
    layer.load_weights([("convtr.convtr.weight", taps)])
    return layer


def _close(a: mx.array, b: mx.array) -> bool:
    return a.shape == b.shape and mx.allclose(a, b, rtol=1e-4, atol=1e-5).item() is True


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"),
    [(1, 1, 1), (7, 1, 1), (3, 1, 1), (3, 1, 4), (8, 4, 1), (10, 5, 1), (4, 2, 1)],
)
@pytest.mark.parametrize("rows", [FEW, MANY])
def test_a_convolution_equals_the_dense_one_after_zeros(
    kernel: int, stride: int, dilation: int, rows: int
) -> None:
    x = _noise(2, 40, 3)
    left = (kernel - 1) * dilation + 1 - stride
    padded = mx.pad(x, [(0, 0), (left, 0), (0, 0)])
    weight = _noise(5, 3, kernel, key=1).transpose(0, 2, 1)
    dense = mx.conv1d(padded, weight, stride=stride, dilation=dilation) + _noise(5, key=2)
    assert _close(_conv(3, 5, kernel, stride, dilation, rows=rows)(x, ConvState()), dense)


def test_with_edge_a_stream_begins_with_its_first_column_repeated() -> None:
    x = _noise(2, 8, 3)
    padded = mx.concatenate([x[:, :1], x[:, :1], x], axis=1)
    weight = _noise(5, 3, 4, key=1).transpose(0, 2, 1)
    dense = mx.conv1d(padded, weight, stride=2) + _noise(5, key=2)
    assert _close(_conv(3, 5, 4, 2, 1, edge=True)(x, ConvState()), dense)


@pytest.mark.parametrize("rows", [FEW, MANY])
@pytest.mark.parametrize("stride", [2, 5, 8])
def test_a_transposed_convolution_equals_the_dense_one_cut_at_the_right(stride: int, rows: int) -> None:
    x = _noise(2, 7, 6)
    weight = _noise(6, 4, 2 * stride, key=1).transpose(1, 2, 0)
    dense = mx.conv_transpose1d(x, weight, stride=stride)[:, : 7 * stride] + _noise(4, key=2)
    assert _close(_transpose(6, 4, stride, rows)(x, ConvState()), dense)


@pytest.mark.parametrize("stride", [2, 3])
def test_the_depthwise_upsampling_equals_the_dense_one(stride: int) -> None:
    x = _noise(2, 7, 6)
    apart = mx.eye(6)[:, None, :] * _noise(6, 1, 2 * stride, key=1).transpose(0, 2, 1)
    dense = mx.conv_transpose1d(x, apart, stride=stride)[:, : 7 * stride]
    assert _close(_upsample(6, stride)(x, ConvState()), dense)


@pytest.mark.parametrize(
    "layer",
    [
        _conv(4, 5, 7, 1, 1),
        _conv(4, 5, 3, 1, 4),
        _conv(4, 5, 8, 4, 1),
        _conv(4, 5, 3, 1, 4, rows=MANY),
        _conv(4, 5, 3, 1, 1, rows=MANY),
        _conv(4, 2, 3, 1, 1, rows=MANY),
        _conv(4, 5, 4, 2, 1, edge=True),
        _transpose(4, 5, 6),
        _transpose(4, 5, 6, MANY),
        _upsample(4, 2),
    ],
)
def test_pieces_of_any_size_give_the_same_as_the_whole(layer: Layer) -> None:
    x = _noise(2, 48, 4)
    state = ConvState()
    ends = [4, 8, 20, 24, 48]
    pieces = [layer(x[:, a:b], state) for a, b in zip([0, *ends], ends, strict=False)]
    assert _close(mx.concatenate(pieces, axis=1), layer(x, ConvState()))


def test_a_kernel_of_one_remembers_nothing() -> None:
    state = ConvState()
    _conv(4, 5, 1, 1, 1)(_noise(1, 3, 4), state)
    assert state.tail is None
