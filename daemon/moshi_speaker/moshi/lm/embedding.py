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


def sum_of_rows(table: nn.Module, rows: mx.array, tokens: mx.array, dtype: mx.Dtype) -> mx.array:
    """Vectors of all streams of a step, looked up at once and summed in float32, shape (1, dim).

    A stream whose token is -1 adds the zero vector (moshi-spec §2.3). The rule stands here and not in
    the table, because quantizing replaces tables. ``rows`` are where the tokens stand in the table.
    """
    vectors = table(rows).astype(mx.float32)
    vectors = mx.where(tokens[:, None] < 0, 0.0, vectors)
    return mx.sum(vectors, axis=0, keepdims=True).astype(dtype)
