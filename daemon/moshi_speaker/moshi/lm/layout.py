"""The names and shapes of a language model's published tensors.

Pure: the loader holds a file's header against these lists before it reads a single weight, and the
synthetic checkpoints are written from them.
"""

from dataclasses import dataclass

from moshi_speaker.moshi.config import LmConfig

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Quantization:
    """MLX's affine quantization: a scale and a bias for each group of a row."""

    bits: int
    group_size: int

    def shapes(self, name: str, shape: Shape) -> dict[str, Shape]:
        """A quantized matrix ``<stem>.weight`` as its three tensors (moshi-spec §2.7)."""
        rows, columns = shape
        stem = name.removesuffix("weight")
        groups = columns // self.group_size
        return {
            f"{stem}weight": (rows, columns * self.bits // 32),
            f"{stem}scales": (rows, groups),
            f"{stem}biases": (rows, groups),
        }


Q8 = Quantization(bits=8, group_size=64)
"""Of the published q8 files (moshi-spec §2.7)."""
Q4 = Quantization(bits=4, group_size=32)
"""Of the published q4 files (moshi-spec §2.7)."""


def mlx_shapes(config: LmConfig, quantization: Quantization | None = None) -> dict[str, Shape]:
    """Tensors of a checkpoint with MLX names (moshi-spec §2.7): 523, or 1247 quantized, for Moshi 7B."""
    dim = config.dim
    shapes: dict[str, Shape] = {"text_emb.weight": (config.text_card + 1, dim)}
    for i in range(config.num_codebooks):
        shapes[f"audio_embs.{i}.weight"] = (config.card + 1, dim)
    shapes["out_norm.weight"] = (dim,)
    shapes["text_linear.weight"] = (config.text_card, dim)
    for i in range(config.num_layers):
        shapes |= _mlx_layer(f"transformer.layers.{i}", dim, config.hidden)
    for k in range(config.generated):
        shapes |= _mlx_slice(config, k)
    for i in range(config.extra_heads):
        shapes[f"extra_heads.{i}.weight"] = (config.extra_heads_dim, dim)
    if quantization is None:
        return shapes
    quantized: dict[str, Shape] = {}
    for name, shape in shapes.items():
        # The table of a low-rank embedding stays as it is; only its projection is quantized.
        plain = len(shape) == 1 or (config.depth.low_rank and name.endswith(".emb.weight"))
        quantized |= {name: shape} if plain else quantization.shapes(name, shape)
    return quantized


def _mlx_layer(prefix: str, dim: int, hidden: int) -> dict[str, Shape]:
    return {
        f"{prefix}.norm1.weight": (dim,),
        f"{prefix}.norm2.weight": (dim,),
        f"{prefix}.self_attn.in_proj.weight": (3 * dim, dim),
        f"{prefix}.self_attn.out_proj.weight": (dim, dim),
        f"{prefix}.gating.linear_in.weight": (2 * hidden, dim),
        f"{prefix}.gating.linear_out.weight": (dim, hidden),
    }


def _mlx_slice(config: LmConfig, k: int) -> dict[str, Shape]:
    depth = config.depth
    prefix = f"depformer.slices.{k}"
    rows = config.text_card + 1 if k == 0 else config.card + 1
    shapes: dict[str, Shape] = {f"{prefix}.emb.weight": (rows, depth.low_rank or depth.dim)}
    if depth.low_rank:
        shapes[f"{prefix}.emb.low_rank.weight"] = (depth.dim, depth.low_rank)
    shapes[f"{prefix}.linear_in.weight"] = (depth.dim, config.dim)
    shapes[f"{prefix}.linear_out.weight"] = (config.card, depth.dim)
    for i in range(depth.num_layers):
        shapes |= _mlx_layer(f"{prefix}.transformer.layers.{i}", depth.dim, depth.hidden)
    return shapes


def torch_shapes(config: LmConfig) -> dict[str, Shape]:
    """Tensors of a checkpoint with PyTorch names (moshi-spec §2.6): 355 for Moshi 7B."""
    dim = config.dim
    shapes: dict[str, Shape] = {"text_emb.weight": (config.text_card + 1, dim)}
    for i in range(config.num_codebooks):
        shapes[f"emb.{i}.weight"] = (config.card + 1, dim)
    shapes["out_norm.alpha"] = (1, 1, dim)
    shapes["text_linear.weight"] = (config.text_card, dim)
    for i in range(config.num_layers):
        shapes |= _torch_attention(f"transformer.layers.{i}", dim, sets=1)
        shapes[f"transformer.layers.{i}.gating.linear_in.weight"] = (2 * config.hidden, dim)
        shapes[f"transformer.layers.{i}.gating.linear_out.weight"] = (dim, config.hidden)
    for i in range(config.extra_heads):
        shapes[f"extra_heads.{i}.weight"] = (config.extra_heads_dim, dim)
    return shapes | _torch_depth(config)


def _torch_attention(prefix: str, dim: int, sets: int) -> dict[str, Shape]:
    return {
        f"{prefix}.self_attn.in_proj_weight": (sets * 3 * dim, dim),
        f"{prefix}.self_attn.out_proj.weight": (sets * dim, dim),
        f"{prefix}.norm1.alpha": (1, 1, dim),
        f"{prefix}.norm2.alpha": (1, 1, dim),
    }


def _torch_depth(config: LmConfig) -> dict[str, Shape]:
    depth = config.depth
    shapes: dict[str, Shape] = {}
    for k in range(config.generated):
        name = "depformer_text_emb" if k == 0 else f"depformer_emb.{k - 1}"
        rows = config.text_card + 1 if k == 0 else config.card + 1
        shapes[f"{name}.weight"] = (rows, depth.low_rank or depth.dim)
        if depth.low_rank:
            shapes[f"{name}.low_rank.weight"] = (depth.dim, depth.low_rank)
        shapes[f"linears.{k}.weight"] = (config.card, depth.dim)
    for s in range(depth.num_sets):
        shapes[f"depformer_in.{s}.weight"] = (depth.dim, config.dim)
    for i in range(depth.num_layers):
        prefix = f"depformer.layers.{i}"
        shapes |= _torch_attention(prefix, depth.dim, sets=depth.num_sets)
        for s in range(depth.num_sets):
            shapes[f"{prefix}.gating.{s}.linear_in.weight"] = (2 * depth.hidden, depth.dim)
            shapes[f"{prefix}.gating.{s}.linear_out.weight"] = (depth.dim, depth.hidden)
    return shapes
