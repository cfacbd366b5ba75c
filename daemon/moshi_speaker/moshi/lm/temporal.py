"""The whole language model: embeddings, temporal transformer, heads, and the depth transformer."""

from collections.abc import Sequence

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from moshi_speaker.moshi.config import LmConfig
from moshi_speaker.moshi.lm.depth import DepthTransformer
from moshi_speaker.moshi.lm.embedding import sum_of_rows
from moshi_speaker.moshi.lm.kernels import RmsNorm
from moshi_speaker.moshi.lm.layers import Layer
from moshi_speaker.moshi.lm.window import Place, Rotary, unwritten_bias


class TemporalLayers(nn.Module):
    """The layers of the temporal transformer."""

    def __init__(self, config: LmConfig) -> None:
        """With rotary positions over a window of ``config.context`` steps."""
        super().__init__()
        self.layers = [Layer(config.dim, config.num_heads, config.hidden) for _ in range(config.num_layers)]


class MoshiLm(nn.Module):
    """Moshi's language model (moshi-spec §2.3), for one stream, one step at a time.

    Pure: what it remembers is handed in and handed back. Parameters are named as in the MLX checkpoints,
    except for those that ``stacking.stacked`` puts into one.
    """

    def __init__(self, config: LmConfig) -> None:
        """Random weights, not computed until used."""
        super().__init__()
        rows = config.text_card + 1 + config.num_codebooks * (config.card + 1)
        self.embs = nn.Embedding(rows, config.dim)
        self.transformer = TemporalLayers(config)
        self.out_norm = RmsNorm(config.dim)
        self.text_linear = nn.Linear(config.dim, config.text_card, bias=False)
        self.depformer = DepthTransformer(config)
        if config.extra_heads:
            self.extra_heads = [
                nn.Linear(config.dim, config.extra_heads_dim, bias=False) for _ in range(config.extra_heads)
            ]
        self._config = config
        self._rotary = Rotary(config.dim // config.num_heads, config.max_period)
        audio = config.text_card + 1 + np.arange(config.num_codebooks) * (config.card + 1)
        self._rows = mx.array(np.concatenate([[0], audio]).astype(np.int32))

    @property
    def config(self) -> LmConfig:
        """Its shape."""
        return self._config

    def make_rings(self, dtype: mx.Dtype) -> list[mx.array]:
        """Fresh keys and values of each layer, (2, heads, context, head_dim)."""
        config = self._config
        shape = (2, config.num_heads, config.context, config.dim // config.num_heads)
        return [mx.zeros(shape, dtype) for _ in range(config.num_layers)]

    def hear(
        self,
        tokens: mx.array,
        position: mx.array,
        rings: Sequence[mx.array],
        seen: int,
        partial: bool,
        fused: bool = False,
    ) -> tuple[mx.array, mx.array, list[mx.array]]:
        """One step of the temporal transformer, at ``position``, shape (1,), counted from 0.

        ``tokens``, (1 + streams,), are the text token and one of each audio stream. The step looks at
        the first ``seen`` slots of the rings; ``partial``: some of them have not been written yet.
        ``fused``: casts cost nothing, so that positions are rotated in float32.
        Returns the normed output (1, dim), text logits (1, text_card) in float32, and the rings.
        """
        dtype = rings[0].dtype
        x = sum_of_rows(self.embs, tokens + self._rows, tokens, dtype)
        place = Place(
            position % self._config.context,
            seen,
            self._rotary.turn(position, mx.float32 if fused else dtype),
            unwritten_bias(position, seen, dtype) if partial else None,
        )
        written = []
        for layer, ring in zip(self.transformer.layers, rings, strict=True):
            attended, ring = place.attend(layer.project(x), ring)
            written.append(ring)
            x = layer.finish(x, attended)
        hidden = self.out_norm(x)
        return hidden, self.text_linear(hidden).astype(mx.float32), written

    def extra(self, hidden: mx.array) -> mx.array:
        """Probabilities of the extra heads, shape (1, heads, extra_heads_dim), float32."""
        logits = mx.stack([head(hidden) for head in self.extra_heads], axis=1)
        return mx.softmax(logits.astype(mx.float32), axis=-1)
