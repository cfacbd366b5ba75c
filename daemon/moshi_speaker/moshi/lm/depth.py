"""The depth transformer: within one step, the codebooks of Moshi's voice one after the other."""

from collections.abc import Callable

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.config import DepthConfig, LmConfig
from moshi_speaker.moshi.lm.embedding import LowRankEmbedding
from moshi_speaker.moshi.lm.kernels import attend
from moshi_speaker.moshi.lm.layers import Layer

Choose = Callable[[mx.array, int], mx.array]
"""Picks a token (1,), of any type of 32-bit integers, from the float32 logits (1, card) of the given pass."""


class DepthLayers(nn.Module):
    """The layers of one pass."""

    def __init__(self, depth: DepthConfig) -> None:
        """Without positions."""
        super().__init__()
        self.layers = [Layer(depth.dim, depth.num_heads, depth.hidden) for _ in range(depth.num_layers)]


class DepthSlice(nn.Module):
    """The weights of one pass, but for its share of ``linear_in``."""

    def __init__(self, config: LmConfig, index: int) -> None:
        """Pass 0 takes the text token in, pass k the audio token of pass k - 1."""
        super().__init__()
        depth = config.depth
        rows = config.text_card + 1 if index == 0 else config.card + 1
        if depth.low_rank:
            self.emb: nn.Module = LowRankEmbedding(rows, depth.dim, depth.low_rank)
        else:
            self.emb = nn.Embedding(rows, depth.dim)
        self.transformer = DepthLayers(depth)
        self.linear_out = nn.Linear(depth.dim, config.card, bias=False)


class DepthTransformer(nn.Module):
    """``dep_q`` passes along the codebook axis; a pass sees the passes before it, and itself."""

    def __init__(self, config: LmConfig) -> None:
        """One slice for each pass; their ``linear_in`` are rows of one matrix."""
        super().__init__()
        depth = config.depth
        if config.generated:
            self.linear_in = nn.Linear(config.dim, config.generated * depth.dim, bias=False)
        self.slices = [DepthSlice(config, k) for k in range(config.generated)]
        self._scale = (depth.dim // depth.num_heads) ** -0.5 if config.generated else 1.0

    def __call__(self, hidden: mx.array, text: mx.array, choose: Choose) -> mx.array:
        """Generate the tokens of one step, shape (passes, 1).

        ``hidden`` is the normed output of the temporal transformer, (1, dim), ``text`` the text token of
        this step, (1,). Computes in the type that the weights ask for.
        """
        if not self.slices:
            return mx.zeros((0, 1), mx.int32)
        dtype = self.slices[0].transformer.layers[0].norm1.weight.dtype
        inputs = mx.split(self.linear_in(hidden.astype(dtype)), len(self.slices), axis=-1)
        memory: list[mx.array] = []
        tokens = [text]
        for k, (piece, x) in enumerate(zip(self.slices, inputs, strict=True)):
            x = x + piece.emb(tokens[-1]).astype(dtype)
            x, memory = self._pass(piece.transformer.layers, x, memory)
            tokens.append(choose(piece.linear_out(x).astype(mx.float32), k))
        return mx.view(mx.stack(tokens[1:]), mx.int32)

    def _pass(
        self, layers: list[Layer], x: mx.array, memory: list[mx.array]
    ) -> tuple[mx.array, list[mx.array]]:
        """The stream (1, dim) through the layers; ``memory`` holds keys and values of the passes before."""
        remembered = []
        for i, layer in enumerate(layers):
            packed = layer.project(x)
            if memory:
                remembered.append(mx.concatenate([memory[i], packed[1:]], axis=2))
                keys, values = mx.split(remembered[-1], 2)
                attended = attend(packed[:1], keys, values, self._scale)
            else:
                # Whoever sees one key alone takes its value whole.
                remembered.append(packed[1:])
                attended = packed[2:]
            x = layer.finish(x, attended)
        return x, remembered
