"""Published files of the language model -> a model ready to step."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.errors import CheckpointError, UnsupportedModelError
from moshi_speaker.moshi.blas import report
from moshi_speaker.moshi.config import LmConfig
from moshi_speaker.moshi.device import on_cpu
from moshi_speaker.moshi.lm.layout import Quantization, mlx_shapes, torch_shapes
from moshi_speaker.moshi.lm.sharing import share_out
from moshi_speaker.moshi.lm.stacking import PARTS, stacked
from moshi_speaker.moshi.lm.temporal import MoshiLm
from moshi_speaker.moshi.lm.unpacking import unpacked
from moshi_speaker.moshi.safetensors import Tensor, check_shapes, read_header

_FLOATS = {"F32", "BF16", "F16"}


@dataclass(frozen=True, slots=True)
class LmLayout:
    """What the header of a language model's file says."""

    tensors: int
    """How many there are."""
    torch_names: bool
    """Named as by PyTorch, not as by MLX."""
    quantization: Quantization | None
    dtype: str
    """Of the text embedding, as the format writes it: BF16, or U32 when quantized."""

    @property
    def precision(self) -> str:
        """As in the names of the published repos: bf16, q8, q4."""
        return f"q{self.quantization.bits}" if self.quantization else self.dtype.lower()


def check_lm(path: Path, config: LmConfig) -> LmLayout:
    """Hold a file's header against ``config``, before any weight is read.

    Raises CheckpointError (naming the first tensor that does not fit) or UnsupportedModelError.
    """
    header = read_header(path)
    where = str(path)
    if any(tensor.dtype == "I8" for tensor in header.values()):
        raise UnsupportedModelError(
            "int8 weights of bitsandbytes are not supported", where=where, remedy="use an -mlx- checkpoint"
        )
    torch_names = "emb.0.weight" in header and "audio_embs.0.weight" not in header
    quantization = None if torch_names else _quantization(header, config, where)
    expected = torch_shapes(config) if torch_names else mlx_shapes(config, quantization)
    check_shapes(header, expected, where)
    for name, tensor in header.items():
        packed = name.endswith(".weight") and f"{name.removesuffix('weight')}scales" in header
        accepted = {"U32"} if packed else _FLOATS
        if tensor.dtype not in accepted:
            raise CheckpointError(
                f"tensor {name} has type {tensor.dtype}, expected {' or '.join(sorted(accepted))}",
                where=where,
            )
    return LmLayout(len(header), torch_names, quantization, header["text_emb.weight"].dtype)


def load_lm(path: Path, config: LmConfig, dtype: mx.Dtype, *, dequantize: bool = False) -> MoshiLm:
    """Load a checkpoint with MLX or PyTorch names for activations of ``dtype``.

    Quantized matrices stay as they are in the file, and on a CPU use as many threads as its BLAS, or with
    ``dequantize`` become plain ones. One tensor after the other is read, so that the peak is little more
    than what stays. Raises as ``check_lm`` does.
    """
    layout = check_lm(path, config)
    weights = mx.load(str(path), format="safetensors")
    assert isinstance(weights, dict)
    if layout.torch_names:
        weights = from_torch(weights, config)
    model = MoshiLm(config)
    quantization = layout.quantization
    if quantization and not dequantize:
        nn.quantize(model, group_size=quantization.group_size, bits=quantization.bits)
    # The depth transformer is small and decides what is heard. It computes in float32 throughout where that
    # costs nothing: with packed weights, which say nothing of the type of activations, and on a CPU, where
    # bfloat16 products take three times as long. A GPU would read twice the bytes of plain weights.
    types = {True: mx.float32 if quantization or on_cpu() else dtype, False: dtype}
    source, loaded = stacked(weights, config), {}
    while source:
        # Read one by one, and let go of at once, or what was read twice would stay.
        stem = next(iter(source)).rpartition(".")[0]
        parts = {part: source.pop(f"{stem}.{part}") for part in PARTS if f"{stem}.{part}" in source}
        target = _type_of(stem, parts, config, types[stem.startswith("depformer.")])
        if dequantize and quantization and len(parts) == len(PARTS):
            parts = {
                "weight": unpacked(parts["weight"], parts["scales"], parts["biases"], quantization, target)
            }
        for part, array in parts.items():
            packed = array.dtype == mx.uint32
            loaded[f"{stem}.{part}"] = array if packed else array.astype(target)
            mx.eval(loaded[f"{stem}.{part}"])
    model.load_weights(list(loaded.items()), strict=True)
    threads = report().threads or 1
    if quantization and not dequantize and on_cpu() and threads > 1:
        share_out(model, threads)
    return model


def _type_of(stem: str, parts: Mapping[str, mx.array], config: LmConfig, wanted: mx.Dtype) -> mx.Dtype:
    """The type to hold a parameter in: that of the activations, but for tables, which may be smaller."""
    table = stem == "embs" or (stem.endswith(".emb") and not config.depth.low_rank)
    stored: mx.Dtype = parts["scales" if "scales" in parts else "weight"].dtype
    return stored if table and stored.size < wanted.size else wanted


def _quantization(header: Mapping[str, Tensor], config: LmConfig, where: str) -> Quantization | None:
    """Read bits and group size off the shapes of the first table."""
    weight, scales = header.get("text_emb.weight"), header.get("text_emb.scales")
    if weight is None or scales is None:
        return None
    if len(weight.shape) != 2 or len(scales.shape) != 2 or not scales.shape[1]:
        raise CheckpointError("tensor text_emb.scales does not fit text_emb.weight", where=where)
    bits = weight.shape[1] * 32 // config.dim
    group_size = config.dim // scales.shape[1]
    if (bits, group_size) not in {(b, g) for b in (4, 8) for g in (32, 64, 128)}:
        raise UnsupportedModelError(f"quantized to {bits} bits in groups of {group_size}", where=where)
    return Quantization(bits, group_size)


def from_torch(weights: Mapping[str, mx.array], config: LmConfig) -> dict[str, mx.array]:
    """Rename and split the tensors of a PyTorch checkpoint (moshi-spec §2.7)."""
    renamed: dict[str, mx.array] = {}
    for name, array in weights.items():
        if name.startswith(("depformer", "linears.")):
            continue
        if name.startswith("emb."):
            name = f"audio_{name.replace('emb.', 'embs.', 1)}"
        if name.endswith(".alpha"):
            name, array = f"{name.removesuffix('alpha')}weight", array.reshape(-1)
        renamed[name.replace("in_proj_weight", "in_proj.weight")] = array
    for k, weight_set in enumerate(config.depth.schedule):
        renamed |= _slice_from_torch(weights, config, k, weight_set)
    return renamed


def _slice_from_torch(
    weights: Mapping[str, mx.array], config: LmConfig, k: int, weight_set: int
) -> dict[str, mx.array]:
    prefix = f"depformer.slices.{k}"
    table = "depformer_text_emb" if k == 0 else f"depformer_emb.{k - 1}"
    renamed = {
        f"{prefix}.emb.weight": weights[f"{table}.weight"],
        f"{prefix}.linear_in.weight": weights[f"depformer_in.{weight_set}.weight"],
        f"{prefix}.linear_out.weight": weights[f"linears.{k}.weight"],
    }
    if config.depth.low_rank:
        renamed[f"{prefix}.emb.low_rank.weight"] = weights[f"{table}.low_rank.weight"]
    for i in range(config.depth.num_layers):
        source, target = f"depformer.layers.{i}", f"{prefix}.transformer.layers.{i}"
        for name, key in (("in_proj", "in_proj_weight"), ("out_proj", "out_proj.weight")):
            stacked = mx.split(weights[f"{source}.self_attn.{key}"], config.depth.num_sets, axis=0)
            renamed[f"{target}.self_attn.{name}.weight"] = stacked[weight_set]
        for name in ("linear_in", "linear_out"):
            renamed[f"{target}.gating.{name}.weight"] = weights[f"{source}.gating.{weight_set}.{name}.weight"]
        for name in ("norm1", "norm2"):
            renamed[f"{target}.{name}.weight"] = weights[f"{source}.{name}.alpha"].reshape(-1)
    return renamed
