"""The whole language model: embeddings, temporal transformer, heads, and the depth transformer."""

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.cache import TransformerState
from moshi_speaker.moshi.config import LmConfig
from moshi_speaker.moshi.lm.depth import DepthTransformer
from moshi_speaker.moshi.lm.embedding import embed
from moshi_speaker.moshi.transformer import RMS_NORM_EPS, Transformer


class MoshiLm(nn.Module):
    """Moshi's language model (moshi-spec §2.3); parameter names are those of the MLX checkpoints."""

    def __init__(self, config: LmConfig) -> None:
        """Random weights, not computed until used."""
        super().__init__()
        self.text_emb = nn.Embedding(config.text_card + 1, config.dim)
        self.audio_embs = [nn.Embedding(config.card + 1, config.dim) for _ in range(config.num_codebooks)]
        self.transformer = Transformer(config.transformer())
        self.out_norm = nn.RMSNorm(config.dim, eps=RMS_NORM_EPS)
        self.text_linear = nn.Linear(config.dim, config.text_card, bias=False)
        self.depformer = DepthTransformer(config)
        if config.extra_heads:
            self.extra_heads = [
                nn.Linear(config.dim, config.extra_heads_dim, bias=False) for _ in range(config.extra_heads)
            ]
        self._config = config

    @property
    def config(self) -> LmConfig:
        """Its shape."""
        return self._config

    def make_state(self, dtype: mx.Dtype) -> TransformerState:
        """A fresh memory of the temporal transformer, for one stream and one step a call."""
        return self.transformer.make_state(dtype=dtype)

    def hidden(self, text: mx.array, audio: list[mx.array], state: TransformerState) -> mx.array:
        """One step of the temporal transformer.

        Tokens of shape (batch,), one audio token for each of the input streams; returns the normed
        output, shape (batch, dim), in the dtype of the state.
        """
        dtype = state.rings[0].keys.dtype
        x = embed(self.text_emb, text, dtype)
        for table, token in zip(self.audio_embs, audio, strict=True):
            x = x + embed(table, token, dtype)
        normed: mx.array = self.out_norm(self.transformer(x[:, None], state)[:, 0])
        return normed

    def text_logits(self, hidden: mx.array) -> mx.array:
        """(batch, dim) to (batch, text_card), float32."""
        logits: mx.array = self.text_linear(hidden)
        return logits.astype(mx.float32)

    def extra(self, hidden: mx.array) -> mx.array:
        """Probabilities of the extra heads, shape (batch, heads, extra_heads_dim), float32."""
        logits = mx.stack([head(hidden) for head in self.extra_heads], axis=1)
        return mx.softmax(logits.astype(mx.float32), axis=-1)
