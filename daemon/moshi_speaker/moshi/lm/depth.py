"""The depth transformer: within one step, the codebooks of Moshi's voice one after the other."""

from collections.abc import Callable

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.config import LmConfig
from moshi_speaker.moshi.lm.embedding import LowRankEmbedding, embed
from moshi_speaker.moshi.transformer import Transformer

Choose = Callable[[mx.array, int], mx.array]
"""Picks tokens (batch,) from float32 logits (batch, card) of the given pass."""


class DepthSlice(nn.Module):
    """The weights of one pass."""

    def __init__(self, config: LmConfig, index: int) -> None:
        """Pass 0 takes the text token in, pass k the audio token of pass k - 1."""
        super().__init__()
        depth = config.depth
        rows = config.text_card + 1 if index == 0 else config.card + 1
        if depth.low_rank:
            self.emb: nn.Module = LowRankEmbedding(rows, depth.dim, depth.low_rank)
        else:
            self.emb = nn.Embedding(rows, depth.dim)
        self.linear_in = nn.Linear(config.dim, depth.dim, bias=False)
        self.transformer = Transformer(depth.transformer())
        self.linear_out = nn.Linear(depth.dim, config.card, bias=False)


class DepthTransformer(nn.Module):
    """``dep_q`` passes along the codebook axis, over a memory that is fresh in each step."""

    def __init__(self, config: LmConfig) -> None:
        """One slice for each pass."""
        super().__init__()
        self.slices = [DepthSlice(config, k) for k in range(config.generated)]

    def __call__(self, hidden: mx.array, text: mx.array, choose: Choose) -> list[mx.array]:
        """Generate the tokens of one step, each (batch,).

        ``hidden`` is the normed output of the temporal transformer, (batch, dim), ``text`` the text
        token of this step, (batch,).
        """
        tokens: list[mx.array] = []
        if not self.slices:
            return tokens
        state = self.slices[0].transformer.make_state(batch=hidden.shape[0], dtype=hidden.dtype)
        token = text
        for k, piece in enumerate(self.slices):
            x = piece.linear_in(hidden) + embed(piece.emb, token, hidden.dtype)
            y = piece.transformer(x[:, None], state)[:, 0]
            token = choose(piece.linear_out(y).astype(mx.float32), k)
            tokens.append(token)
        return tokens
