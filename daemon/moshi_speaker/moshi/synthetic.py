"""Small random checkpoints in exactly the published layout, for demos, tests and benchmarks.

Their words and their voice are noise. Small ones are shaped, though, so that a talk with them has a
course: silence is code 0 of every codebook, the language model attends to how much of the last
moments was not silence, and babbles while that is much, and is silent while it is little. Everything
else in them is random.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from moshi_speaker.errors import UsageError
from moshi_speaker.moshi.config import MOSHI_1B, MOSHI_7B, DepthConfig, LmConfig
from moshi_speaker.moshi.lm.layout import Q4, Q8, Quantization, mlx_shapes, torch_shapes
from moshi_speaker.moshi.mimi.config import (
    CodecTransformerConfig,
    MimiConfig,
    QuantizerConfig,
    SeanetConfig,
)
from moshi_speaker.moshi.mimi.layout import published_shapes
from moshi_speaker.moshi.safetensors import Tensor, write_tensors
from moshi_speaker.moshi.shaping import shape_codec, shape_lm
from moshi_speaker.moshi.vocabulary import train_tokenizer, whole_words

MIMI_NAME = "tokenizer-e351c8d8-checkpoint125.safetensors"
"""As published (moshi-spec §1.5)."""
TOKENIZER_NAME = "tokenizer_spm_32k_3.model"
"""As published (moshi-spec §2.2)."""

SMALL_MIMI = MimiConfig(
    seanet=SeanetConfig(dimension=64, n_filters=8),
    quantizer=QuantizerConfig(dimension=32, n_q=8, bins=128),
    transformer=CodecTransformerConfig(num_heads=4, num_layers=2, dim_feedforward=128, context=10),
)
"""Mimi with few channels."""
SMALL_LM = LmConfig(
    dim=128,
    num_heads=4,
    num_layers=3,
    hidden=384,
    context=40,
    max_period=10_000.0,
    text_card=440,
    card=128,
    num_codebooks=16,
    delays=(0, *[1] * 7) * 2,
    depth=DepthConfig(dim=64, num_heads=4, num_layers=2, hidden=192, schedule=tuple(range(8))),
)
"""Moshi with few channels: 8 + 8 codebooks, and a window of 3.2 s."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to write."""

    lm: LmConfig = SMALL_LM
    mimi: MimiConfig = SMALL_MIMI
    quantization: Quantization | None = None
    """None: bfloat16."""
    torch_names: bool = False
    """Tensor names of the PyTorch checkpoints instead of the MLX ones."""
    shaped: bool = True
    """Give talks a course, see above; otherwise weights are random throughout."""
    seed: int = 0


FULL_7B_Q4 = Recipe(lm=MOSHI_7B, mimi=MimiConfig(), quantization=Q4, shaped=False)
"""As large as ``kyutai/moshiko-mlx-q4``: 4.8 GB, and 0.4 GB for the codec."""
FULL_1B_Q8 = Recipe(lm=MOSHI_1B, mimi=MimiConfig(), quantization=Q8, shaped=False)
"""The 1B preset at 8 bits, 2.3 GB, and 0.4 GB for the codec."""
RECIPES = {"tiny": Recipe(quantization=Q8), "1b-q8": FULL_1B_Q8, "7b-q4": FULL_7B_Q4}
"""By the name of their size."""


def write_checkpoint(folder: Path, recipe: Recipe | None = None) -> None:
    """Write all files of a model into a folder, which is made if need be; existing ones are replaced.

    Raises UsageError when the folder cannot be written.
    """
    try:
        _write(folder, recipe or Recipe())
    except OSError as error:
        raise UsageError(
            f"the model cannot be written: {error.strerror or error}",
            where=str(error.filename or folder),
            remedy="name a folder that this user may write, on a disk with room",
        ) from error


def _write(folder: Path, recipe: Recipe) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    train_tokenizer(folder / TOKENIZER_NAME, recipe.lm.text_card)
    _write_codec(folder / MIMI_NAME, recipe)
    _write_lm(folder / lm_name(recipe), recipe)
    config = config_json(recipe.lm) | {
        "moshi_name": lm_name(recipe),
        "mimi_name": MIMI_NAME,
        "tokenizer_name": TOKENIZER_NAME,
    }
    if recipe.mimi != MimiConfig():
        config["mimi_config_name"] = "mimi.json"
        (folder / "mimi.json").write_text(json.dumps(asdict(recipe.mimi), indent=1) + "\n")
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def lm_name(recipe: Recipe) -> str:
    """Name of the language model's file, as published."""
    return f"model.q{recipe.quantization.bits}.safetensors" if recipe.quantization else "model.safetensors"


def config_json(lm: LmConfig) -> dict[str, object]:
    """The ``config.json`` of a language model (moshi-spec §2.2)."""
    depth = lm.depth
    return {
        "model_type": "moshi",
        "dim": lm.dim,
        "num_heads": lm.num_heads,
        "num_layers": lm.num_layers,
        # Readers compute floor(2/3 * int(scale * dim)); the quarter guards against rounding.
        "hidden_scale": (lm.hidden * 3 / 2 + 0.25) / lm.dim,
        "causal": True,
        "layer_scale": None,
        "context": lm.context,
        "max_period": lm.max_period,
        "positional_embedding": "rope",
        "norm": "rms_norm_f32",
        "gating": "silu",
        "text_card": lm.text_card,
        "card": lm.card,
        "n_q": lm.num_codebooks,
        "dep_q": lm.generated,
        "delays": [0, *lm.delays],
        "depformer_dim": depth.dim,
        "depformer_num_heads": depth.num_heads,
        "depformer_num_layers": depth.num_layers,
        "depformer_dim_feedforward": depth.hidden * 3 // 2,
        "depformer_pos_emb": "none",
        "depformer_weights_per_step_schedule": list(depth.schedule),
        "depformer_low_rank_embeddings": depth.low_rank,
        "extra_heads_num_heads": lm.extra_heads,
        "extra_heads_dim": lm.extra_heads_dim,
    }


def _write_codec(path: Path, recipe: Recipe) -> None:
    rng = np.random.default_rng(recipe.seed)
    shapes = published_shapes(recipe.mimi)
    weights = {name: random_codec_tensor(rng, name, shape) for name, shape in shapes.items()}
    if recipe.shaped:
        shape_codec(weights, recipe.mimi, rng)
    tensors = {name: Tensor("F32", shape) for name, shape in shapes.items()}
    write_tensors(path, tensors, lambda name: weights[name].astype("<f4").tobytes())


def random_codec_tensor(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A tensor of a codec that keeps signals at their level; biases are zero, norms one."""
    if (
        name.endswith("cluster_usage")
        or name.endswith("_initialized")
        or name.endswith(("norm1.weight", "norm2.weight"))
    ):
        return np.ones(shape, np.float32)
    if name.endswith("bias"):
        return np.zeros(shape, np.float32)
    if name.endswith("scale"):
        return np.full(shape, 0.01, np.float32)
    fan_in = shape[0] if "convtr" in name else int(np.prod(shape[1:]))
    if "upsample" in name:
        fan_in = 2
    scale = 1.0 if name.endswith("embedding_sum") else float(fan_in) ** -0.5
    return (rng.standard_normal(shape, np.float32) * scale).astype(np.float32)


def _write_lm(path: Path, recipe: Recipe) -> None:
    config = recipe.lm
    rng = np.random.default_rng(recipe.seed + 1)
    if recipe.quantization and not recipe.shaped:
        _write_random_quantized(path, config, recipe.quantization, rng)
        return
    shapes = torch_shapes(config) if recipe.torch_names else mlx_shapes(config)
    if recipe.shaped and recipe.torch_names:
        raise ValueError("a shaped checkpoint has MLX names")
    weights = {name: _random_lm_tensor(rng, name, shape) for name, shape in shapes.items()}
    if recipe.shaped:
        shape_lm(weights, config, whole_words(path.parent / TOKENIZER_NAME))
    arrays: dict[str, mx.array] = {}
    for name, weight in weights.items():
        arrays |= _stored(name, mx.array(weight).astype(mx.bfloat16), recipe.quantization)
    mx.save_safetensors(str(path), arrays)


def _stored(name: str, weight: mx.array, quantization: Quantization | None) -> dict[str, mx.array]:
    if quantization is None or weight.ndim != 2:
        return {name: weight}
    stem = name.removesuffix("weight")
    packed, scales, biases = mx.quantize(weight, quantization.group_size, quantization.bits)
    return {f"{stem}weight": packed, f"{stem}scales": scales, f"{stem}biases": biases}


def _random_lm_tensor(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if len(shape) != 2:
        return np.ones(shape, np.float32)
    scale = 0.1 if "emb" in name else shape[1] ** -0.5
    return (rng.standard_normal(shape, np.float32) * scale).astype(np.float32)


def _write_random_quantized(
    path: Path, config: LmConfig, quantization: Quantization, rng: np.random.Generator
) -> None:
    """Random bits for the packed matrices, so that a 7B model is written in seconds, not minutes."""
    tensors: dict[str, Tensor] = {}
    plain = mlx_shapes(config)
    for name, shape in mlx_shapes(config, quantization).items():
        tensors[name] = Tensor(
            "U32" if name.endswith("weight") and name in plain and shape != plain[name] else "BF16", shape
        )

    def values(name: str) -> bytes:
        tensor = tensors[name]
        if tensor.dtype == "U32":
            return rng.bytes(tensor.nbytes)
        if name.endswith("weight"):
            return _bfloat16(1.0, tensor)
        # Uniform levels 0 … L have a spread of L / sqrt(12); centre them, and give rows unit length.
        columns = plain[f"{name.rpartition('.')[0]}.weight"][1]
        levels = 2**quantization.bits - 1
        scale = 12**0.5 / levels * columns**-0.5
        return _bfloat16(scale if name.endswith("scales") else -scale * levels / 2, tensor)

    write_tensors(path, tensors, values)


def _bfloat16(value: float, tensor: Tensor) -> bytes:
    """A tensor full of one value, as raw bfloat16: the upper half of a float32."""
    upper = np.float32(value).tobytes()[2:]
    return upper * (tensor.nbytes // 2)
