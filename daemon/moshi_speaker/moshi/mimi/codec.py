"""Mimi: 24 kHz sound to codes at 12.5 Hz and back, in float32, streaming and whole files alike."""

from typing import Literal

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.mimi.affine import Affine
from moshi_speaker.moshi.mimi.compiled import CompiledDirection
from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.mimi.conv import Conv1d, ConvState, DepthwiseUpsample
from moshi_speaker.moshi.mimi.quantizer import SplitQuantizer
from moshi_speaker.moshi.mimi.seanet import Seanet, seanet_decoder, seanet_encoder
from moshi_speaker.moshi.mimi.state import CodecState
from moshi_speaker.moshi.mimi.transformer import Transformer, TransformerState
from moshi_speaker.moshi.mimi.weights import parameters_from_published

__all__ = ["CodecState", "Mimi", "MimiConfig"]


Way = Literal["encode", "decode"]
"""A direction."""
_ONLY: dict[Way, tuple[str, ...]] = {
    "encode": ("encoder", "encoder_transformer", "downsample"),
    "decode": ("upsample", "decoder_transformer", "decoder"),
}
"""The modules that one direction alone needs."""


class _NestedTransformer(nn.Module):
    # A level of the published tensor names.
    def __init__(self, config: MimiConfig) -> None:
        super().__init__()
        self.transformer = Transformer(config)


class _Downsample(nn.Module):
    # As above.
    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv = Conv1d(channels, channels, 2 * stride, stride=stride, rows=1, bias=False, edge=True)


class _Upsample(nn.Module):
    # As above.
    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.convtr = DepthwiseUpsample(channels, stride)


class Mimi(nn.Module):
    """The codec. Nothing here evaluates or waits: results and states are lazy arrays.

    Before a stream and for each file a fresh state is made; the first frame after that is special,
    because the downsampling then sees its first column repeated (moshi-spec §1.4).
    """

    def __init__(self, config: MimiConfig, num_codebooks: int, *, compiled: bool = False) -> None:
        """Use ``num_codebooks`` of the checkpoint's ``config.quantizer.n_q``.

        ``compiled``: let MLX trace and fuse the frames of streams, once the weights are there.
        """
        if not 1 <= num_codebooks <= config.quantizer.n_q:
            raise ValueError(f"num_codebooks is {num_codebooks}, not 1 to {config.quantizer.n_q}")
        super().__init__()
        width, stride = config.seanet.dimension, config.resample_stride
        self.encoder = seanet_encoder(config.seanet, stride)
        self.encoder_transformer = _NestedTransformer(config)
        self.downsample = _Downsample(width, stride)
        self.quantizer = SplitQuantizer(width, config.quantizer, num_codebooks)
        self.upsample = _Upsample(width, stride)
        self.decoder_transformer = _NestedTransformer(config)
        self.decoder = seanet_decoder(config.seanet, stride)
        self.num_codebooks = num_codebooks
        self.config = config
        self._compiled_encode = CompiledDirection(self._encode_codes, stride) if compiled else None
        self._compiled_decode = CompiledDirection(self._decode, stride) if compiled else None

    def keep_only(self, way: Way) -> None:
        """Let go of the weights of the other direction, for good."""
        for name in _ONLY["decode" if way == "encode" else "encode"]:
            del self[name]

    def make_encoder_state(self, batch: int = 1, *, chunk_frames: int = 1) -> CodecState:
        """A fresh stream; ``chunk_frames`` 25 or so makes whole files several times faster."""
        return self._make_state(self.encoder, batch, chunk_frames)

    def make_decoder_state(self, batch: int = 1, *, chunk_frames: int = 1) -> CodecState:
        """As ``make_encoder_state``, for ``decode``."""
        return self._make_state(self.decoder, batch, chunk_frames)

    def encode(self, pcm: mx.array, state: CodecState) -> mx.array:
        """Sound in [-1, 1], (batch, samples), to int32 codes, (batch, num_codebooks, frames).

        Raises ``ValueError`` unless the samples are whole frames, at least one.
        """
        if self._compiled_encode and pcm.shape[1] == self.config.frame_size and state.steady:
            return self._compiled_encode(pcm, state)
        return self.quantizer.encode(self.latent(pcm, state))

    def latent(self, pcm: mx.array, state: CodecState) -> mx.array:
        """As ``encode``, without the quantizer: (batch, frames, dimension)."""
        size = self.config.frame_size
        if pcm.shape[1] == 0 or pcm.shape[1] % size:
            raise ValueError(f"{pcm.shape[1]} samples are not a positive multiple of {size}")
        step = size * state.chunk_frames
        parts = [self._encode(pcm[:, i : i + step], state) for i in range(0, pcm.shape[1], step)]
        return _joined(parts)

    def decode(self, codes: mx.array, state: CodecState) -> mx.array:
        """Codes, (batch, 1 to num_codebooks, frames), to sound, (batch, samples); it is not clipped.

        Codes must lie below ``config.quantizer.bins``; they are not checked.
        """
        if self._compiled_decode and codes.shape[2] == 1 and state.steady:
            return self._compiled_decode(codes, state)
        step = state.chunk_frames
        starts = range(0, codes.shape[2], step)
        return _joined([self._decode(codes[:, :, i : i + step], state) for i in starts])

    def sanitize(self, weights: dict[str, mx.array]) -> dict[str, mx.array]:
        """Turn the tensors of a published file into this module's parameters, for ``load_weights``."""
        parameters = parameters_from_published(weights, self.config, self.num_codebooks)
        modules = self.named_modules()
        for path, module in modules:
            for name in (f"{path}.conv.conv.weight", f"{path}.conv.conv.bias"):
                if isinstance(module, Conv1d) and name in parameters:
                    parameters[name] = module.spread(parameters[name])
        for path, module in modules:
            if isinstance(module, Affine):
                parameters[f"{path}.weight"] = module.stored(parameters[f"{path}.weight"])
        return parameters

    def _encode_codes(self, pcm: mx.array, state: CodecState) -> mx.array:
        return self.quantizer.encode(self._encode(pcm, state))

    def _encode(self, pcm: mx.array, state: CodecState) -> mx.array:
        x = self.encoder(pcm[:, :, None], state.seanet)
        x = self.encoder_transformer.transformer(x, state.transformer)
        return self.downsample.conv(x, state.resample)

    def _decode(self, codes: mx.array, state: CodecState) -> mx.array:
        x = self.upsample.convtr(self.quantizer.decode(codes), state.resample)
        x = self.decoder_transformer.transformer(x, state.transformer)
        return self.decoder(x, state.seanet)[:, :, 0]

    def _make_state(self, side: Seanet, batch: int, chunk_frames: int) -> CodecState:
        positions = chunk_frames * self.config.resample_stride
        transformer = TransformerState.fresh(self.config, batch, positions)
        return CodecState(side.make_state(), transformer, ConvState(), chunk_frames)


def _joined(parts: list[mx.array]) -> mx.array:
    return parts[0] if len(parts) == 1 else mx.concatenate(parts, axis=1)
