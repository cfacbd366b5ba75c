"""openWakeWord's embedding of speech, computed step by step.

The published network takes 76 spectrogram frames (0.76 s) and is asked again every 8 frames, so that it
computes nine tenths of everything anew. No convolution in it pads its input in time: what a window shares
with the one before can be kept. That is what happens here, and the results are the same but for rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Array = NDArray[np.float32]

MELS = 32
"""Bands of one spectrogram frame."""
STEP = 8
"""Spectrogram frames of one step: 80 ms."""
WINDOW = 76
"""Spectrogram frames that one embedding is made of."""
FEATURES = 96
"""Length of one embedding."""

_SLOPE = np.float32(0.2)
"""Of the leaky rectifier below zero."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Parameters of one convolution."""

    kernel: Array
    """Shape (outputs, frames, bands, inputs)."""
    bias: Array
    """Shape (outputs,)."""


_POOLED_FRAMES = {2: 2, 6: 1, 10: 2, 14: 1, 18: 2}
"""Convolutions that are followed by a maximum over pairs of bands, and over so many frames."""


def kernel_shapes() -> list[tuple[int, int, int, int]]:
    """Shape of the kernel of every convolution, in order."""
    outputs = [24] * 3 + [48] * 4 + [72] * 4 + [96] * 9
    inputs = [1, *outputs]
    across = [(3, 3)] + [(1, 3), (3, 1)] * 9 + [(3, 1)]
    return [(out, *size, into) for out, size, into in zip(outputs, across, inputs, strict=False)]


class StreamingEmbedding:
    """The network over an endless spectrogram. Its first nine results mean nothing: no window is full."""

    def __init__(self, layers: Sequence[Weights], floor: float) -> None:
        """All convolutions in order; ``floor`` is the least value that a rectifier gives."""
        self._layers: list[_Convolution] = []
        rows, bins = STEP, MELS
        for number, weights in enumerate(layers):
            least = floor if number < len(layers) - 1 else None
            self._layers.append(_Convolution(weights, rows, bins, least))
            if number in _POOLED_FRAMES:
                rows, bins = rows // _POOLED_FRAMES[number], bins // 2

    def feed(self, mels: Array) -> Array:
        """Take the next step of the spectrogram, shape (8, 32); the embedding of the latest window, (96,)."""
        x = mels[:, :, np.newaxis]
        for number, layer in enumerate(self._layers):
            x = layer.feed(x)
            if frames := _POOLED_FRAMES.get(number):
                x = np.maximum(x[:, 0::2], x[:, 1::2])
                x = np.maximum(x[0::2], x[1::2]) if frames == 2 else x
        return x.reshape(FEATURES).copy()

    def state(self) -> list[Array]:
        """A copy of all that it remembers."""
        return [layer.past.copy() for layer in self._layers]

    def restore(self, state: Sequence[Array]) -> None:
        """Remember what it remembered when the state was copied."""
        for layer, past in zip(self._layers, state, strict=True):
            layer.past[...] = past


class _Convolution:
    """One convolution as one matrix product over unfolded windows, with the frames it needs of the past.

    All memory is made once: at these sizes numpy spends more time on new arrays than on arithmetic.
    """

    def __init__(self, weights: Weights, rows: int, bins: int, floor: float | None) -> None:
        """For steps of shape (rows, bins, inputs)."""
        outputs, frames, bands, inputs = weights.kernel.shape
        size = frames * bands * inputs
        edge = bands // 2
        self._sound = np.zeros((rows + frames - 1, bins + 2 * edge, inputs), np.float32)
        self._new = self._sound[frames - 1 :, edge : edge + bins]
        self.past = self._sound[: frames - 1]
        """The last frames of before, with zeros for the bands beyond the edges."""
        self._kept = self._sound[rows:]
        row, band, channel = self._sound.strides
        windows = (rows, bins, frames, bands, inputs)
        self._windows = as_strided(self._sound, windows, (row, band, row, band, channel), writeable=False)
        self._columns = np.ones((rows * bins, size + 1), np.float32)
        """The unfolded windows, and a one for the bias."""
        step, item = self._columns.strides
        inner = (bins * step, step, bands * inputs * item, inputs * item, item)
        self._unfolded = as_strided(self._columns, windows, inner)
        kernel = weights.kernel.reshape(outputs, size).T
        self._matrix = np.ascontiguousarray(np.vstack((kernel, weights.bias)), np.float32)
        self._result = np.empty((rows * bins, outputs), np.float32)
        self._slope = np.empty_like(self._result)
        self._floor = floor
        self._shape = (rows, bins, outputs)

    def feed(self, x: Array) -> Array:
        """Take a step; the result is valid until the next one."""
        self._new[...] = x
        self._unfolded[...] = self._windows
        y = np.matmul(self._columns, self._matrix, out=self._result)
        self.past[...] = self._kept
        if self._floor is not None:
            np.multiply(y, _SLOPE, out=self._slope)
            np.maximum(y, self._slope, out=y)
            np.maximum(y, np.float32(self._floor), out=y)
        return y.reshape(self._shape)
