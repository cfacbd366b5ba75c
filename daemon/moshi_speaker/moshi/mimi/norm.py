"""LayerNorm without gain and offset, which are folded into the matrices behind it."""

import mlx.core as mx
import numpy as np

from moshi_speaker.moshi.device import on_cpu

LAYER_NORM_EPS = 1e-5
"""Of Mimi's norms (moshi-spec §1.1)."""


class Norm:
    """Normalizes vectors of one width."""

    def __init__(self, width: int) -> None:
        """Constants only: there is nothing to load."""
        self._average = mx.array(np.full((1, width, 1), 1.0 / width, np.float32))
        self._eps: dict[tuple[int, ...], mx.array] = {}

    def __call__(self, x: mx.array) -> mx.array:
        """(batch, time, width) to the same."""
        if not on_cpu():
            return mx.fast.layer_norm(x, None, None, LAYER_NORM_EPS)
        # Means as products: half as many steps as mx.mean, a third as many as mx.fast.layer_norm on a CPU.
        centred = x - x @ self._average
        return centred * mx.rsqrt(mx.addmm(self._eps_for(x.shape[:2]), mx.square(centred), self._average))

    def _eps_for(self, shape: tuple[int, ...]) -> mx.array:
        # Made once a shape: broadcasting it would be a step of each call.
        if shape not in self._eps:
            self._eps[shape] = mx.full((*shape, 1), LAYER_NORM_EPS)
            mx.eval(self._eps[shape])
        return self._eps[shape]
