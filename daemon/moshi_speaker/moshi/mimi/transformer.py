"""The transformer of Mimi, in float32: LayerNorm, rotary attention over a sliding window, exact GELU.

What does not depend on the sound is folded into the matrices when a checkpoint is loaded: the gains and
offsets of the norms, the scale of the scores, the layer scales, and the constants of GELU.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.device import on_metal
from moshi_speaker.moshi.mimi.affine import Affine
from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.mimi.norm import Norm
from moshi_speaker.moshi.mimi.window import Place, Positions, Window


@dataclass(slots=True)
class TransformerState:
    """What a transformer remembers of one stream."""

    window: Positions
    """Where the next chunk goes."""
    rings: list[mx.array]
    """One a layer: keys and values, (2, batch, heads, slots, head_dim)."""

    @classmethod
    def fresh(cls, config: MimiConfig, batch: int, chunk: int) -> Self:
        """For chunks of at most so many positions; longer ones are cut."""
        window = Window(config, chunk)
        heads = config.transformer.num_heads
        shape = (2, batch, heads, window.slots, config.seanet.dimension // heads)
        return cls(window, [mx.zeros(shape) for _ in range(config.transformer.num_layers)])


class Layer(nn.Module):
    """One layer, with folded weights (``fold_layer``)."""

    def __init__(self, config: MimiConfig) -> None:
        """Zeros, until weights are loaded."""
        super().__init__()
        dim, hidden = config.seanet.dimension, config.transformer.dim_feedforward
        rows = config.resample_stride
        self.in_proj = Affine(dim, 3 * dim, rows=rows)
        self.out_proj = Affine(dim, dim, rows=rows, bias=False)
        self.linear1 = Affine(dim, hidden, rows=rows)
        self.linear2 = Affine(hidden, dim, rows=rows, bias=False)
        self._heads = config.transformer.num_heads
        self._norm = Norm(dim)

    def __call__(self, x: mx.array, ring: mx.array, place: Place) -> tuple[mx.array, mx.array]:
        """(batch, time, dim) and a ring to the same two, one layer further."""
        batch, time, dim = x.shape
        pairs = mx.view(self.in_proj(self._norm(x)), mx.complex64).reshape(batch, time, 3, self._heads, -1)
        # Turned last, so that queries, keys and values lie apart in memory.
        turned = mx.view(pairs.transpose(2, 0, 3, 1, 4) * place.turns, mx.float32)
        queries, new = mx.split(turned, [1])
        ring = mx.slice_update(ring, new, place.slot, axes=(3,))
        keys, values = mx.split(ring, 2)
        attended = attend(queries, keys, values, place.mask)
        x = self.out_proj.add_to(x, attended.swapaxes(2, 3).reshape(batch, time, dim))
        inner = self.linear1(self._norm(x))
        return self.linear2.add_to(x, inner + inner * mx.erf(inner)), ring


class Transformer(nn.Module):
    """A stack of layers; state comes from outside."""

    def __init__(self, config: MimiConfig) -> None:
        """As many layers as ``config`` says."""
        super().__init__()
        self.layers = [Layer(config) for _ in range(config.transformer.num_layers)]

    def __call__(self, x: mx.array, state: TransformerState) -> mx.array:
        """(batch, time, dim) to the same; the state moves on by ``time`` positions."""
        if x.shape[1] <= state.window.room():
            x, state.rings = self.at(state.window.advance(x.shape[1]), x, state.rings)
            return x
        now, later = mx.split(x, [state.window.room()], axis=1)
        return mx.concatenate([self(now, state), self(later, state)], axis=1)

    def at(self, place: Place, x: mx.array, rings: list[mx.array]) -> tuple[mx.array, list[mx.array]]:
        """A chunk and the rings to the same two, behind all layers; nothing is changed."""
        if not on_metal():
            # Here, once: products would have each layer do it.
            heads = rings[0].shape[2]
            place = replace(
                place, mask=mx.broadcast_to(place.mask, (1, x.shape[0], heads, *place.mask.shape))
            )
        written = []
        for layer, ring in zip(self.layers, rings, strict=True):
            x, ring = layer(x, ring, place)
            written.append(ring)
        return x, written


def attend(queries: mx.array, keys: mx.array, values: mx.array, mask: mx.array) -> mx.array:
    """Attention with scaled queries, (1, batch, heads, time, head_dim).

    Keys and values are (1, batch, heads, slots, head_dim), the mask (..., time, slots). The first axis is
    what is left of the one that tells queries, keys and values apart.
    """
    # MLX's kernel for CUDA takes no mask, and would be taken apart into more operations than these.
    if on_metal():
        # An index in place of squeeze would copy the rings.
        whole = [part.squeeze(0) for part in (queries, keys, values)]
        return mx.fast.scaled_dot_product_attention(*whole, scale=1.0, mask=mask)[None]
    scores = mx.addmm(mask, queries, keys.swapaxes(-1, -2))
    return mx.softmax(scores, axis=-1) @ values


def fold_layer(published: dict[str, mx.array], heads: int) -> dict[str, mx.array]:
    """The parameters of ``Layer`` from the tensors of one published layer, by their names below it.

    With u the input of GELU divided by sqrt 2, GELU is (u + u erf u) / sqrt 2: the inner factor goes into
    ``linear1``, the outer one into ``linear2``.
    """
    packed = published["self_attn.in_proj_weight"]
    head_dim = packed.shape[1] // heads
    rows = mx.arange(packed.shape[0])[:, None]
    scaled = mx.where(rows < packed.shape[1], packed * head_dim**-0.5, packed)
    first = published["linear1.weight"] * math.sqrt(0.5)
    second = published["linear2.weight"] * (math.sqrt(0.5) * published["layer_scale_2.scale"][:, None])
    out = published["self_attn.out_proj.weight"] * published["layer_scale_1.scale"][:, None]
    return {
        "in_proj.weight": (scaled * published["norm1.weight"]).T,
        "in_proj.bias": scaled @ published["norm1.bias"],
        "out_proj.weight": out.T,
        "linear1.weight": (first * published["norm2.weight"]).T,
        "linear1.bias": first @ published["norm2.bias"],
        "linear2.weight": second.T,
    }
