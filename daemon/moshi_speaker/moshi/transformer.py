"""The transformer that Mimi, the temporal and the depth transformer of Moshi share."""

import math
from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.attention import Attention
from moshi_speaker.moshi.cache import KVRing, Span, TransformerState, WindowCounter

RMS_NORM_EPS = 1e-8
"""Of ``rms_norm_f32`` (moshi-spec §2.3)."""
LAYER_NORM_EPS = 1e-5
"""Of Mimi's norms (moshi-spec §1.1)."""


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """Shape and kind of a stack of pre-norm layers; there is no norm after the last one."""

    dim: int
    num_heads: int
    num_layers: int
    hidden: int
    """Width inside the feed-forward block; with a gate, of each of its two halves."""
    context: int
    """Tokens a query sees, itself included."""
    max_period: float | None
    """Of the rotary embedding; None: no positions."""
    gated: bool
    """SwiGLU and RMSNorm (the language model), or exact GELU, LayerNorm and layer scale (Mimi)."""


def gated_hidden(dim: int, feedforward: int) -> int:
    """Half width of SwiGLU for a nominal feed-forward width F: floor(2 F / 3) (moshi-spec §2.3).

    The reference makes an exception of F = 4 dim: 21 dim / 8.
    """
    return 21 * dim // 8 if feedforward == 4 * dim else 2 * feedforward // 3


# MLX's own activations are compiled functions, which on a CPU run a C++ compiler and leave files behind.


def silu(x: mx.array) -> mx.array:
    """x * sigmoid(x), any shape."""
    return x * mx.sigmoid(x)


def gelu(x: mx.array) -> mx.array:
    """The exact one, x / 2 * (1 + erf(x / sqrt 2)) (moshi-spec §1.1), any shape."""
    return x * (0.5 + 0.5 * mx.erf(x * math.sqrt(0.5)))


class Gating(nn.Module):
    """SwiGLU: SiLU on the first half of the projection times the second half."""

    def __init__(self, dim: int, hidden: int) -> None:
        """Width of the stream and of each half."""
        super().__init__()
        self.linear_in = nn.Linear(dim, 2 * hidden, bias=False)
        self.linear_out = nn.Linear(hidden, dim, bias=False)

    def __call__(self, x: mx.array) -> mx.array:
        """(..., dim) to (..., dim)."""
        gate, value = mx.split(self.linear_in(x), 2, axis=-1)
        return self.linear_out(silu(gate) * value)


class GatedLayer(nn.Module):
    """One layer of the language model: RMSNorm, attention, RMSNorm, SwiGLU."""

    def __init__(self, config: TransformerConfig) -> None:
        """One layer of ``config``."""
        super().__init__()
        self.norm1 = nn.RMSNorm(config.dim, eps=RMS_NORM_EPS)
        self.norm2 = nn.RMSNorm(config.dim, eps=RMS_NORM_EPS)
        self.self_attn = Attention(config.dim, config.num_heads, config.max_period)
        self.gating = Gating(config.dim, config.hidden)

    def __call__(self, x: mx.array, ring: KVRing, span: Span) -> mx.array:
        """(batch, time, dim) to the same."""
        x = x + self.self_attn(self.norm1(x), ring, span)
        return x + self.gating(self.norm2(x))


class LayerScale(nn.Module):
    """A learnt factor for each channel."""

    def __init__(self, dim: int) -> None:
        """0.01 at the start of training (moshi-spec §1.1)."""
        super().__init__()
        self.scale = mx.full((dim,), 0.01)

    def __call__(self, x: mx.array) -> mx.array:
        """(..., dim) to the same."""
        return x * self.scale


class ScaledLayer(nn.Module):
    """One layer of Mimi: LayerNorm, attention, LayerNorm, exact GELU, each update scaled by channel."""

    def __init__(self, config: TransformerConfig) -> None:
        """One layer of ``config``."""
        super().__init__()
        self.norm1 = nn.LayerNorm(config.dim, eps=LAYER_NORM_EPS)
        self.norm2 = nn.LayerNorm(config.dim, eps=LAYER_NORM_EPS)
        self.self_attn = Attention(config.dim, config.num_heads, config.max_period)
        self.linear1 = nn.Linear(config.dim, config.hidden, bias=False)
        self.linear2 = nn.Linear(config.hidden, config.dim, bias=False)
        self.layer_scale_1 = LayerScale(config.dim)
        self.layer_scale_2 = LayerScale(config.dim)

    def __call__(self, x: mx.array, ring: KVRing, span: Span) -> mx.array:
        """(batch, time, dim) to the same."""
        x = x + self.layer_scale_1(self.self_attn(self.norm1(x), ring, span))
        update = self.linear2(gelu(self.linear1(self.norm2(x))))
        return x + self.layer_scale_2(update)


class Transformer(nn.Module):
    """A stack of layers over a sliding window; state comes from outside."""

    def __init__(self, config: TransformerConfig) -> None:
        """Layers of the kind that ``config`` names."""
        super().__init__()
        layer = GatedLayer if config.gated else ScaledLayer
        self.layers = [layer(config) for _ in range(config.num_layers)]
        self._config = config

    def make_state(self, *, batch: int = 1, chunk: int = 1, dtype: mx.Dtype = mx.float32) -> TransformerState:
        """A fresh state for calls of at most ``chunk`` tokens (longer ones are cut)."""
        config = self._config
        counter = WindowCounter(config.context, chunk)
        head_dim = config.dim // config.num_heads
        rings = [
            KVRing(batch, config.num_heads, head_dim, counter.capacity, dtype)
            for _ in range(config.num_layers)
        ]
        return TransformerState(counter, rings)

    def __call__(self, x: mx.array, state: TransformerState) -> mx.array:
        """(batch, time, dim) to the same; the state moves on by ``time`` tokens."""
        chunk = state.counter.chunk
        if x.shape[1] <= chunk:
            return self._chunk(x, state)
        parts = [self._chunk(x[:, i : i + chunk], state) for i in range(0, x.shape[1], chunk)]
        return mx.concatenate(parts, axis=1)

    def _chunk(self, x: mx.array, state: TransformerState) -> mx.array:
        span = state.counter.advance(x.shape[1])
        for layer, ring in zip(self.layers, state.rings, strict=True):
            x = layer(x, ring, span)
        return x
