"""The matrix product that all of Mimi is made of."""

import mlx.core as mx
import mlx.nn as nn

FEW_ROWS = 32
"""Rows a frame up to which a product is bound by reading its matrix."""


class Affine(nn.Module):
    """A matrix and a bias.

    With few rows the matrix is stored as (outputs, inputs), else as (inputs, outputs): each way a plain BLAS
    reads it up to twice as fast as the other.
    """

    def __init__(self, inputs: int, outputs: int, *, rows: int, bias: bool = True) -> None:
        """Zeros, until weights are loaded; ``rows``: how many x has in a frame."""
        super().__init__()
        self._by_output = rows <= FEW_ROWS
        self.weight = mx.zeros((outputs, inputs) if self._by_output else (inputs, outputs))
        if bias:
            self.bias = mx.zeros((outputs,))

    @property
    def matrix(self) -> mx.array:
        """(inputs, outputs), perhaps a view."""
        return self.weight.T if self._by_output else self.weight

    def stored(self, matrix: mx.array) -> mx.array:
        """A matrix (inputs, outputs) in the order in which this module keeps it."""
        return mx.contiguous(matrix.T if self._by_output else matrix)

    def __call__(self, x: mx.array) -> mx.array:
        """(..., inputs) to (..., outputs)."""
        return self.add_to(self.bias, x) if "bias" in self else x @ self.matrix

    def add_to(self, total: mx.array, x: mx.array) -> mx.array:
        """``total``, broadcast to (..., outputs), plus the product with x, (..., inputs); without the bias."""
        return mx.addmm(total, x, self.matrix)

    def add_part(self, total: mx.array, x: mx.array, part: int) -> mx.array:
        """As ``add_to``, with block ``part`` of the inputs alone, as many as x has."""
        size = x.shape[-1]
        return mx.addmm(total, x, self.matrix[part * size : (part + 1) * size])
