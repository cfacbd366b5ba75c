"""Packed projections shared out among the cores of a CPU; MLX multiplies with packed weights on one alone."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_map

Lane: TypeAlias = "mx.Device | mx.Stream | mx.ThreadLocalStream"
"""Where operations wait for their turn: at a device, or in a stream of their own."""
LEAST_SHARE = 2**19
"""Weights that are worth a thread: half a millisecond of work, where handing it over takes 0.05."""


class SharedLinear(nn.Module):
    """A quantized projection without bias, a share of whose rows is multiplied in each of several lanes."""

    def __init__(self, whole: nn.QuantizedLinear, lanes: Sequence[Lane]) -> None:
        """Takes no more memory than ``whole``, whose parameters it has."""
        super().__init__()
        assert whole.biases is not None, "affine quantization has biases"
        self.weight, self.scales, self.biases = whole.weight, whole.scales, whole.biases
        self._group_size, self._bits = whole.group_size, whole.bits
        self._lanes = lanes
        rows = self.weight.shape[0]
        edges = pairwise(rows * i // len(lanes) for i in range(len(lanes) + 1))
        self._shares = [
            (self.weight[start:stop], self.scales[start:stop], self.biases[start:stop])
            for start, stop in edges
        ]
        mx.eval(self._shares)

    def __call__(self, x: mx.array) -> mx.array:
        """(..., columns) to (..., rows), number by number what the whole projection gives."""
        kind = {"group_size": self._group_size, "bits": self._bits}
        products = [
            mx.quantized_matmul(x, weight, scales, biases, **kind, stream=lane)
            for (weight, scales, biases), lane in zip(self._shares, self._lanes, strict=True)
        ]
        return mx.concatenate(products, axis=-1)


def share_out(model: nn.Module, threads: int) -> None:
    """Let those packed projections of ``model`` that are large enough use so many threads."""
    # A stream of newer versions of MLX, unless made so, belongs to the thread that made it.
    new_stream = getattr(mx, "new_thread_local_stream", mx.new_stream)
    device = mx.default_device()
    lanes = [device, *(new_stream(device) for _ in range(threads - 1))]

    def shared(module: nn.Module) -> nn.Module:
        if not isinstance(module, nn.QuantizedLinear):
            return module
        used = min(threads, module.weight.size * 32 // module.bits // LEAST_SHARE)
        return SharedLinear(module, lanes[:used]) if used > 1 else module

    model.update_modules(tree_map(shared, model.leaf_modules(), is_leaf=nn.Module.is_module))
