"""The matrix product that all of Mimi is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import mlx.core as mx
import mlx.nn as nn

FEW_ROWS = 32
"""Rows a frame up to which a product is bound by reading its matrix."""


@dataclass(slots=True)
class _Views:
    # What a product needs besides x, made once: as steps of each frame they would cost a tenth of all steps.
    weight: mx.array
    parts: list[mx.array]
    biases: dict[tuple[int, int], mx.array] = field(default_factory=dict)


class Affine(nn.Module):
    """A matrix and a bias; or several matrices of one size, whose products are added up.

    With few rows a matrix lies in memory output by output, else input by input: each way a plain BLAS reads
    it up to twice as fast as the other. The axis of the parts also spares MLX steps: with three axes on both
    sides nothing is flattened.
    """

    def __init__(self, inputs: int, outputs: int, *, rows: int, parts: int = 1, bias: bool = True) -> None:
        """Zeros, until weights are loaded; ``rows``: how many x has in a frame."""
        super().__init__()
        self._by_output = rows <= FEW_ROWS
        self._views: _Views | None = None
        self.weight = mx.zeros((parts, inputs, outputs))
        if bias:
            self.bias = mx.zeros((outputs,))

    def stored(self, matrix: mx.array) -> mx.array:
        """The parts one below the other, (parts * inputs, outputs), as this module keeps them."""
        parts = matrix.reshape(self.weight.shape)
        if not self._by_output:
            return mx.contiguous(parts)
        return mx.contiguous(parts.swapaxes(1, 2)).swapaxes(1, 2)

    def __call__(self, *xs: mx.array) -> mx.array:
        """One (batch, rows, inputs) a part to (batch, rows, outputs)."""
        if "bias" in self:
            return self.add_to(self._bias(xs[0].shape[0], xs[0].shape[1]), *xs)
        first, *others = self._parts()
        return _add_products(xs[0] @ first, xs[1:], others)

    def add_to(self, total: mx.array, *xs: mx.array) -> mx.array:
        """``total``, broadcast to (batch, rows, outputs), plus the products; without the bias."""
        return _add_products(total, xs, self._parts())

    def _parts(self) -> list[mx.array]:
        return self._prepared().parts

    def _bias(self, batch: int, rows: int) -> mx.array:
        biases = self._prepared().biases
        if (batch, rows) not in biases:
            biases[batch, rows] = mx.broadcast_to(self.bias, (batch, rows, self.bias.shape[0]))
            mx.eval(biases[batch, rows])
        return biases[batch, rows]

    def _prepared(self) -> _Views:
        if self._views is None or self._views.weight is not self.weight:
            count = self.weight.shape[0]
            parts = [self.weight] if count == 1 else [self.weight[i : i + 1] for i in range(count)]
            mx.eval(parts)
            self._views = _Views(self.weight, parts)
        return self._views


def _add_products(total: mx.array, xs: Sequence[mx.array], matrices: list[mx.array]) -> mx.array:
    for x, matrix in zip(xs, matrices, strict=True):
        total = mx.addmm(total, x, matrix)
    return total
