"""The shape of a Mimi codec, as plain data; the defaults are the published one (moshi-spec §1.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import prod
from typing import Any, Self, TypeVar

from moshi_speaker.errors import CheckpointError, UnsupportedModelError

_WHERE = "Mimi configuration"

_ONLY_SUPPORTED: dict[str, dict[str, object]] = {
    "": {"channels": 1},
    "seanet": {
        "channels": 1,
        "causal": True,
        "activation": "ELU",
        "norm": "none",
        "pad_mode": "constant",
        "true_skip": True,
        "lstm": 0,
    },
    "quantizer": {},
    "transformer": {
        "causal": True,
        "gating": "none",
        "norm": "layer_norm",
        "positional_embedding": "rope",
    },
}

_AS_WIDE_AS_THE_LATENT = {
    "quantizer": ("input_dimension", "output_dimension"),
    "transformer": ("d_model", "input_dimension"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeanetConfig:
    """The convolutional encoder, and the decoder that mirrors it."""

    dimension: int = 512
    """Channels of the latent."""
    n_filters: int = 64
    """Channels next to the waveform; each strided convolution doubles them."""
    ratios: tuple[int, ...] = (8, 6, 5, 4)
    """Strides in the order of the decoder; the encoder runs them backwards."""
    n_residual_layers: int = 1
    """Residual blocks a stage."""
    compress: int = 2
    """A residual block is narrower inside by this factor."""
    dilation_base: int = 2
    """Residual block j of a stage has dilation ``dilation_base ** j``."""
    kernel_size: int = 7
    """Of the first convolution of encoder and decoder."""
    residual_kernel_size: int = 3
    """Of the first convolution of a residual block; the second has 1."""
    last_kernel_size: int = 3
    """Of the last convolution of encoder and decoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizerConfig:
    """The split residual quantizer: one semantic codebook, the rest acoustic."""

    dimension: int = 256
    """Channels of a centroid."""
    n_q: int = 32
    """Codebooks in the checkpoint, the semantic one included."""
    bins: int = 2048
    """Centroids a codebook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecTransformerConfig:
    """The two transformers, as wide as the latent, at twice the frame rate."""

    num_heads: int = 8
    """Heads of attention."""
    num_layers: int = 8
    """Layers of each transformer."""
    dim_feedforward: int = 2048
    """Width inside the feed-forward block."""
    context: int = 250
    """Positions a query sees, itself included: 10 s."""
    max_period: int = 10_000
    """Of the rotary embedding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MimiConfig:
    """A whole codec."""

    sample_rate: int = 24_000
    """Hertz."""
    frame_rate: float = 12.5
    """Frames a second."""
    seanet: SeanetConfig = field(default_factory=SeanetConfig)
    """Encoder and decoder."""
    quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)
    """Codebooks."""
    transformer: CodecTransformerConfig = field(default_factory=CodecTransformerConfig)
    """Both transformers."""

    @property
    def frame_size(self) -> int:
        """Samples a frame: 1920."""
        return round(self.sample_rate / self.frame_rate)

    @property
    def resample_stride(self) -> int:
        """Transformer positions a frame: 2."""
        return self.frame_size // prod(self.seanet.ratios)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """From a configuration file's content; what it leaves out is as published.

        Raises ``UnsupportedModelError`` for a codec of another kind, ``CheckpointError`` for a value of the
        wrong type.
        """
        sections = {name: _mapping(name, values.get(name, {})) for name in _ONLY_SUPPORTED if name}
        for name, supported in _ONLY_SUPPORTED.items():
            _refuse_others(name, sections[name] if name else values, supported)
        seanet = _section(SeanetConfig, "seanet", sections["seanet"])
        for name, keys in _AS_WIDE_AS_THE_LATENT.items():
            _refuse_others(name, sections[name], dict.fromkeys(keys, seanet.dimension))
        config = cls(
            sample_rate=_whole("sample_rate", values.get("sample_rate", 24_000)),
            frame_rate=_number("frame_rate", values.get("frame_rate", 12.5)),
            seanet=seanet,
            quantizer=_section(QuantizerConfig, "quantizer", sections["quantizer"]),
            transformer=_section(CodecTransformerConfig, "transformer", sections["transformer"]),
        )
        if config.frame_size != config.resample_stride * prod(seanet.ratios) or config.resample_stride < 2:
            raise UnsupportedModelError(
                f"frame_rate is {config.frame_rate}, which the strides {seanet.ratios} do not reach",
                where=_WHERE,
            )
        return config


_Section = TypeVar("_Section", SeanetConfig, QuantizerConfig, CodecTransformerConfig)


def _mapping(name: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise CheckpointError(f"{name} is {value!r}, not a group of values", where=_WHERE)
    return value


def _refuse_others(section: str, values: Mapping[str, object], supported: Mapping[str, object]) -> None:
    for key, only in supported.items():
        if values.get(key, only) != only:
            name = f"{section}.{key}" if section else key
            raise UnsupportedModelError(
                f"{name} is {values[key]!r}, and only {only!r} is supported", where=_WHERE
            )


def _section(kind: type[_Section], section: str, values: Mapping[str, object]) -> _Section:
    given: dict[str, Any] = {}
    for item in fields(kind):
        if item.name not in values:
            continue
        name, value = f"{section}.{item.name}", values[item.name]
        if isinstance(item.default, tuple):
            given[item.name] = _row(name, value)
        else:
            given[item.name] = _whole(name, value)
    return kind(**given)


def _row(name: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise CheckpointError(f"{name} is {value!r}, not a list of whole numbers", where=_WHERE)
    return tuple(_whole(name, item) for item in value)


def _whole(name: str, value: object) -> int:
    number = _number(name, value)
    if not number.is_integer():
        raise CheckpointError(f"{name} is {value!r}, not a whole number", where=_WHERE)
    return int(number)


def _number(name: str, value: object) -> float:
    # True and false are numbers to Python, not to a configuration.
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise CheckpointError(f"{name} is {value!r}, not a positive number", where=_WHERE)
    return float(value)
