"""Embedding tables of tokens."""

import mlx.core as mx
import mlx.nn as nn


class LowRankEmbedding(nn.Module):
    """A narrow table followed by a projection; quantizing touches the projection alone."""

    def __init__(self, rows: int, dim: int, low_rank: int) -> None:
        """A table of (rows, low_rank) and a projection to ``dim``."""
        super().__init__()
        self.weight = mx.random.normal((rows, low_rank))
        self.low_rank = nn.Linear(low_rank, dim, bias=False)

    def __call__(self, token: mx.array) -> mx.array:
        """Tokens (...) to vectors (..., dim)."""
        return self.low_rank(self.weight[token])


def embed(table: nn.Module, token: mx.array, dtype: mx.Dtype) -> mx.array:
    """Look tokens up, shape (...) to (..., dim); token -1 is the zero vector (moshi-spec §2.3).

    The rule for -1 stands here and not in the table, because quantizing replaces tables.
    """
    vectors = table(mx.maximum(token, 0)).astype(dtype)
    return mx.where(token[..., None] < 0, mx.zeros((), dtype), vectors)
