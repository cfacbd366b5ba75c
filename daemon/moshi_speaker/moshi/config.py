"""What shape a model has: from ``config.json``, or from the presets of the published checkpoints."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from moshi_speaker.errors import CheckpointError, UnsupportedModelError

PAD = 3
"""Text token: nothing to say in this frame (moshi-spec §3.1)."""
END_PAD = 0
"""Text token: a word begins in the next frame (moshi-spec §3.1)."""


@dataclass(frozen=True, slots=True)
class DepthConfig:
    """The depth transformer: one pass for each generated codebook."""

    dim: int
    num_heads: int
    num_layers: int
    hidden: int
    """Half width of its SwiGLU."""
    schedule: tuple[int, ...]
    """Which set of weights each pass uses; its length is the number of passes."""
    low_rank: int | None = None
    """Width of the embedding tables where they are factored."""

    @property
    def num_sets(self) -> int:
        """Distinct sets of weights."""
        return max(self.schedule, default=-1) + 1


@dataclass(frozen=True, slots=True)
class LmConfig:
    """The language model (moshi-spec §2.1)."""

    dim: int
    num_heads: int
    num_layers: int
    hidden: int
    """Half width of the temporal SwiGLU."""
    context: int
    """Steps that a step sees, itself included."""
    max_period: float
    text_card: int
    """Text tokens that can be predicted; the next id is the initial token."""
    card: int
    """Audio tokens that can be predicted; the next id is the initial token."""
    num_codebooks: int
    """Audio streams at the input: generated ones first, then the user's."""
    delays: tuple[int, ...]
    """Steps by which each audio stream is late."""
    depth: DepthConfig
    extra_heads: int = 0
    extra_heads_dim: int = 6

    @property
    def generated(self) -> int:
        """Audio streams that the model generates."""
        return len(self.depth.schedule)

    @property
    def heard(self) -> int:
        """Audio streams that come from the user."""
        return self.num_codebooks - self.generated

    @property
    def max_delay(self) -> int:
        """Steps until a generated frame is complete."""
        return max(self.delays[: self.generated], default=0)

    @property
    def codebooks(self) -> int:
        """Codebooks of Mimi that are needed."""
        return max(self.generated, self.heard)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The language model and the names of the files beside it."""

    lm: LmConfig
    moshi_name: str | None = None
    """File of the language model; None: whichever of the published names is there."""
    mimi_name: str | None = None
    tokenizer_name: str | None = None
    mimi_config_name: str | None = None
    """File with the shape of the codec, where it is not the published one."""


MOSHI_7B = LmConfig(
    dim=4096,
    num_heads=32,
    num_layers=32,
    hidden=11264,
    context=3000,
    max_period=10_000.0,
    text_card=32_000,
    card=2048,
    num_codebooks=16,
    delays=(0, *[1] * 7) * 2,
    depth=DepthConfig(dim=1024, num_heads=16, num_layers=6, hidden=2816, schedule=tuple(range(8))),
)
"""moshiko and moshika, whose MLX repos ship no config.json (moshi-spec §2.1, §2.2)."""

MOSHI_1B = LmConfig(
    dim=2048,
    num_heads=16,
    num_layers=16,
    hidden=5632,
    context=3000,
    max_period=100_000.0,
    text_card=48_000,
    card=2048,
    num_codebooks=16,
    delays=(0, *[2] * 7) * 2,
    depth=DepthConfig(dim=1024, num_heads=16, num_layers=6, hidden=2816, schedule=tuple(range(8))),
)
"""``config1b_202412`` of moshi_mlx (moshi-spec §2.1)."""

_UNSUPPORTED = {
    "conditioners": "conditioners",
    "cross_attention": "cross-attention",
    "demux_second_stream": "a second text stream",
    "bias_attn": "biases in attention",
    "layer_scale": "layer scale in the language model",
    "depformer_layer_scale": "layer scale in the depth transformer",
    "depformer_norm": "a norm after the depth transformer",
    "norm_emb": "a norm after the embeddings",
    "lora": "LoRA weights",
}
_EXPECTED = {
    "positional_embedding": ("rope",),
    "depformer_pos_emb": ("none",),
    "norm": ("rms_norm_f32",),
    "gating": ("silu",),
    "depformer_gating": ("silu",),
    "causal": (True,),
    "kv_repeat": (1,),
    "existing_text_padding_id": (PAD,),
    "text_card_out": (None,),
    "depformer_kv_repeat": (1,),
    "depformer_causal": (True,),
    "depformer_weights_per_step": (True,),
    "depformer_multi_linear": (True,),
}
_FILE_NAMES = ("moshi_name", "mimi_name", "tokenizer_name", "mimi_config_name")


def model_config(values: Mapping[str, Any], where: str) -> ModelConfig:
    """Read a ``config.json``; ``where`` names the file in errors.

    Raises UnsupportedModelError for features that are not there yet, CheckpointError for a file that
    is no such configuration. Keys that do not change the shape are ignored.
    """
    for key, feature in _UNSUPPORTED.items():
        if values.get(key):
            raise UnsupportedModelError(
                f"this model needs {feature}, which is not supported yet", where=where
            )
    for key, accepted in _EXPECTED.items():
        if values.get(key) is not None and values[key] not in accepted:
            raise UnsupportedModelError(f"{key} {values[key]!r} is not supported yet", where=where)
    try:
        lm = _lm_config(values)
    except KeyError as error:
        raise CheckpointError(f"the key {error.args[0]!r} is missing", where=where) from error
    except (TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"a value does not fit: {error}", where=where) from error
    _check(lm, where)
    return ModelConfig(
        lm=lm,
        **{key: _file_name(values, key, where) for key in _FILE_NAMES},
    )


def _file_name(values: Mapping[str, Any], key: str, where: str) -> str | None:
    name = values.get(key)
    if name is None or (isinstance(name, str) and name and PurePath(name).name == name):
        return name
    raise CheckpointError(f"{key} {name!r} is no file name", where=where)


def _lm_config(values: Mapping[str, Any]) -> LmConfig:
    dim = _whole(values["dim"])
    hidden_scale = float(values.get("hidden_scale", 4.125))
    num_codebooks = _whole(values["n_q"])
    delays = tuple(_whole(delay) for delay in values["delays"])
    if len(delays) != num_codebooks + 1:
        raise ValueError(f"delays has {len(delays)} entries, text and {num_codebooks} streams need one each")
    if delays[0] != 0:
        raise ValueError("a delayed text stream")
    return LmConfig(
        dim=dim,
        num_heads=_whole(values["num_heads"]),
        num_layers=_whole(values["num_layers"]),
        hidden=gated_hidden(dim, int(hidden_scale * dim)),
        context=_whole(values["context"]),
        max_period=float(values["max_period"]),
        text_card=_whole(values["text_card"]),
        card=_whole(values["card"]),
        num_codebooks=num_codebooks,
        delays=delays[1:],
        depth=_depth_config(values, hidden_scale),
        extra_heads=_whole(values.get("extra_heads_num_heads") or 0),
        extra_heads_dim=_whole(values.get("extra_heads_dim") or 6),
    )


def _depth_config(values: Mapping[str, Any], hidden_scale: float) -> DepthConfig:
    passes = _whole(values["dep_q"])
    if passes == 0:
        return DepthConfig(dim=0, num_heads=1, num_layers=0, hidden=0, schedule=())
    dim = _whole(values["depformer_dim"])
    feedforward = values.get("depformer_dim_feedforward") or int(hidden_scale * dim)
    schedule = values.get("depformer_weights_per_step_schedule") or range(passes)
    low_rank = values.get("depformer_low_rank_embeddings")
    if len(schedule) < passes:
        raise ValueError(f"depformer_weights_per_step_schedule is shorter than dep_q {passes}")
    return DepthConfig(
        dim=dim,
        num_heads=_whole(values["depformer_num_heads"]),
        num_layers=_whole(values["depformer_num_layers"]),
        hidden=gated_hidden(dim, _whole(feedforward)),
        schedule=tuple(_whole(i) for i in schedule[:passes]),
        low_rank=_whole(low_rank) if low_rank else None,
    )


def gated_hidden(dim: int, feedforward: int) -> int:
    """Half width of SwiGLU for a nominal feed-forward width F: floor(2 F / 3) (moshi-spec §2.3).

    The reference makes an exception of F = 4 dim: 21 dim / 8.
    """
    return 21 * dim // 8 if feedforward == 4 * dim else 2 * feedforward // 3


def _whole(value: Any) -> int:  # noqa: ANN401 - whatever stands in the file
    number = int(value)
    if number != value or isinstance(value, bool):
        raise ValueError(f"{value!r} is not a whole number")
    return number


def _check(lm: LmConfig, where: str) -> None:
    if lm.heard < 0:
        raise CheckpointError(f"dep_q {lm.generated} is larger than n_q {lm.num_codebooks}", where=where)
    for dim, heads in ((lm.dim, lm.num_heads), (lm.depth.dim, lm.depth.num_heads)):
        if heads < 1 or dim % heads or (dim // heads) % 2:
            raise CheckpointError(f"{dim} channels do not divide into {heads} heads", where=where)
    sizes: tuple[float, ...] = (
        lm.dim,
        lm.num_layers,
        lm.context,
        lm.max_period,
        lm.text_card,
        lm.card,
        lm.num_codebooks,
    )
    if lm.generated:
        sizes += (lm.depth.dim, lm.depth.num_layers, lm.depth.hidden)
    if min(sizes) < 1 or min((*lm.delays, *lm.depth.schedule)) < 0:
        raise CheckpointError("a size or a delay is not positive", where=where)
