"""The matrix product that all of Mimi is made of."""

from collections.abc import Sequence

import mlx.core as mx
import mlx.nn as nn

FEW_ROWS = 32
"""Rows a frame up to which a product is bound by reading its matrix."""


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
            return self.add_to(self.bias, *xs)
        first, *others = self._parts()
        return _add_products(xs[0] @ first, xs[1:], others)

    def add_to(self, total: mx.array, *xs: mx.array) -> mx.array:
        """``total``, broadcast to (batch, rows, outputs), plus the products; without the bias."""
        return _add_products(total, xs, self._parts())

    def _parts(self) -> list[mx.array]:
        count = self.weight.shape[0]
        return [self.weight] if count == 1 else [self.weight[i : i + 1] for i in range(count)]


def _add_products(total: mx.array, xs: Sequence[mx.array], matrices: list[mx.array]) -> mx.array:
    for x, matrix in zip(xs, matrices, strict=True):
        total = mx.addmm(total, x, matrix)
    return total
