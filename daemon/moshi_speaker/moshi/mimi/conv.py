"""Causal streaming convolutions, written as matrix products over windows of the input.

Sound is (batch, time, channels) here. Every layer is called with a chunk and the state of its
stream; the outputs do not depend on how a stream is cut into chunks.
"""

from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.mimi.affine import Affine

_MANY_ROWS = 256
"""Rows a frame from which copying windows costs more than the zeros in the matrices of blocks."""
_LEAST_OUTPUTS = 8
"""Of a block: below that a product costs the same."""


@dataclass(slots=True)
class ConvState:
    """The last inputs of one convolution on one stream."""

    tail: mx.array | None = None
    """(batch, history, channels), or None before the first chunk."""

    def extend(self, x: mx.array, history: int, *, edge: bool = False) -> mx.array:
        """Put the last ``history`` inputs before x, and remember the newest ones.

        Before the first chunk lie zeros or, with ``edge``, copies of its first column.
        """
        if history == 0:
            return x
        if self.tail is None:
            before = x[:, :1] if edge else mx.zeros((), x.dtype)
            self.tail = mx.broadcast_to(before, (x.shape[0], history, x.shape[2]))
        whole = mx.concatenate([self.tail, x], axis=1)
        self.tail = whole[:, -history:]
        return whole


class _Conv(nn.Module):
    # A level of the published tensor names, which held the weight norm in training.
    def __init__(self, affine: Affine) -> None:
        super().__init__()
        self.conv = affine


class _Taps(nn.Module):
    # (2, stride, channels): what the previous and the present input give to each of the outputs.
    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.weight = mx.zeros((2, stride, channels))


class _ConvTranspose(nn.Module):
    # As above.
    def __init__(self, affine: Affine) -> None:
        super().__init__()
        self.convtr = affine


class _DepthwiseTranspose(nn.Module):
    # As above.
    def __init__(self, taps: _Taps) -> None:
        super().__init__()
        self.convtr = taps


class Conv1d(nn.Module):
    """A causal convolution; a chunk must be a multiple of ``stride``, and of its blocks, long.

    A block is so many inputs that each of its outputs sees only it and the block before: two products, and
    no input is copied. Where that would read much larger matrices, windows of the input are copied.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        rows: int,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = True,
        edge: bool = False,
    ) -> None:
        """``rows`` of output a frame; ``edge``: streams begin with copies of the first column, not zeros."""
        super().__init__()
        self._outputs = outputs
        self._kernel = kernel
        self._stride = stride
        self._dilation = dilation
        self._edge = edge
        self._history = (kernel - 1) * dilation + 1 - stride
        self._block = _outputs_a_block(outputs, kernel, stride, dilation, rows)
        block = self._block
        affine = (
            Affine(block * stride * inputs, block * outputs, rows=rows // block, parts=2, bias=bias)
            if block
            else Affine(kernel * inputs, outputs, rows=rows, bias=bias)
        )
        self.conv = _Conv(affine)

    def __call__(self, x: mx.array, state: ConvState) -> mx.array:
        """(batch, time, inputs) to (batch, time / stride, outputs)."""
        if not self._block:
            whole = state.extend(x, self._history, edge=self._edge)
            steps = x.shape[1] // self._stride
            return self.conv.conv(_windows(whole, steps, self._kernel, self._stride, self._dilation))
        batch, _, channels = x.shape
        size = self._block * self._stride
        blocks = state.extend(x, size, edge=self._edge).reshape(batch, -1, size * channels)
        return self.conv.conv(blocks[:, :-1], blocks[:, 1:]).reshape(batch, -1, self._outputs)

    def residual(self, total: mx.array, x: mx.array) -> mx.array:
        """``total`` plus the convolution of x, for a kernel of 1."""
        # The bias last: copying total is cheaper than copying the bias over all rows.
        return self.conv.conv.add_to(total, x) + self.conv.conv.bias

    def spread(self, parameter: mx.array) -> mx.array:
        """The bias, or the matrix (kernel * inputs, outputs), for all outputs of a block at once."""
        if not self._block:
            return parameter
        if parameter.ndim == 1:
            return mx.tile(parameter, self._block)
        above = self._block * self._stride - self._history
        below = self._block * self._stride - self._stride
        inputs = parameter.shape[0] // self._kernel
        columns = [
            mx.pad(parameter, [((above + i) * inputs, (below - i) * inputs), (0, 0)])
            for i in range(0, self._block * self._stride, self._stride)
        ]
        return mx.concatenate(columns, axis=1)


class ConvTranspose1d(nn.Module):
    """A causal transposed convolution with a kernel of twice its stride.

    Each input reaches its own ``stride`` outputs and the next ones, so each group of outputs is one
    product with the previous and the present input (moshi-spec §1.4): nothing to overlap and add.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, *, rows: int) -> None:
        """Kernel 2 * stride; ``rows`` of input a frame."""
        super().__init__()
        self.convtr = _ConvTranspose(Affine(inputs, stride * outputs, rows=rows, parts=2))
        self._outputs = outputs

    def __call__(self, x: mx.array, state: ConvState) -> mx.array:
        """(batch, time, inputs) to (batch, time * stride, outputs)."""
        whole = state.extend(x, 1)
        grouped = self.convtr.convtr(whole[:, :-1], whole[:, 1:])
        return grouped.reshape(x.shape[0], -1, self._outputs)


class DepthwiseUpsample(nn.Module):
    """A transposed convolution like ``ConvTranspose1d`` that keeps channels apart and has no bias."""

    def __init__(self, channels: int, stride: int) -> None:
        """Kernel 2 * stride."""
        super().__init__()
        self.convtr = _DepthwiseTranspose(_Taps(channels, stride))

    def __call__(self, x: mx.array, state: ConvState) -> mx.array:
        """(batch, time, channels) to (batch, time * stride, channels)."""
        batch, _, channels = x.shape
        whole = state.extend(x, 1)[:, :, None]
        previous, present = self.convtr.convtr.weight
        grouped = whole[:, 1:] * present + whole[:, :-1] * previous
        return grouped.reshape(batch, -1, channels)


def conv_matrix(weight: mx.array) -> mx.array:
    """A published convolution, (outputs, inputs, kernel), as ``Affine`` wants it."""
    outputs = weight.shape[0]
    return weight.transpose(2, 1, 0).reshape(-1, outputs)


def transposed_matrix(weight: mx.array) -> mx.array:
    """A published transposed convolution, (inputs, outputs, 2 * stride), as ``Affine`` wants it."""
    inputs, outputs, kernel = weight.shape
    late_first = weight.reshape(inputs, outputs, 2, kernel // 2)[:, :, ::-1]
    return late_first.transpose(2, 0, 3, 1).reshape(2 * inputs, -1)


def transposed_bias(bias: mx.array, stride: int) -> mx.array:
    """The bias of each of the ``stride`` outputs that ``ConvTranspose1d`` computes at once."""
    return mx.tile(bias, (stride,))


def depthwise_taps(weight: mx.array) -> mx.array:
    """A published depthwise upsampling, (channels, 1, 2 * stride), as ``DepthwiseUpsample`` wants it."""
    channels, _, kernel = weight.shape
    return weight.reshape(channels, 2, kernel // 2)[:, ::-1].transpose(1, 2, 0)


def _outputs_a_block(outputs: int, kernel: int, stride: int, dilation: int, rows: int) -> int:
    # 0: no blocks.
    if kernel == 2 * stride:
        return 1
    if kernel != 3 * stride or dilation != 1 or rows < _MANY_ROWS:
        return 0
    return max(2, _LEAST_OUTPUTS // outputs)


def _windows(x: mx.array, steps: int, kernel: int, stride: int, dilation: int) -> mx.array:
    # (batch, steps, kernel * channels): what each output sees, oldest first.
    if kernel == 1:
        return x
    batch, time, channels = x.shape
    strides = (time * channels, stride * channels, dilation * channels, 1)
    windows = mx.as_strided(x, (batch, steps, kernel, channels), strides)
    return windows.reshape(batch, steps, kernel * channels)
