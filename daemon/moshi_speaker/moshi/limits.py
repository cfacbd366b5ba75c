"""What a frame costs at the very least: bytes that have to be read and arithmetic that has to be done.

Pure. A step of the language model reads every weight once (of tables, only the rows of its tokens), so a
machine's memory bandwidth over these bytes bounds its frames a second, whatever the program.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from moshi_speaker.moshi.config import LmConfig
from moshi_speaker.moshi.lm.layout import Q4, Q8, Quantization, mlx_shapes
from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.mimi.layout import published_shapes

_QUANTIZATIONS: dict[int, Quantization | None] = {16: None, 8: Q8, 4: Q4}
_PACKED_BYTES = 4
_BFLOAT16_BYTES = 2
_FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one frame of 80 ms."""

    weight_bytes: int
    """Weights read, each once."""
    window_bytes: int
    """Keys and values read once the attention window is full."""
    flop: int
    """Floating-point operations with a full window; a multiplication and an addition count as two."""

    @property
    def bytes(self) -> int:
        """All that is read."""
        return self.weight_bytes + self.window_bytes


def bytes_per_step(config: LmConfig, bits: int) -> int:
    """Weights that one step of the language model reads; ``bits`` a weight: 16, 8 or 4, as published."""
    return sum(
        (shape[-1] if _is_table(name) else prod(shape)) * width
        for name, shape, width in _tensors(config, bits)
    )


def bytes_of_model(config: LmConfig, bits: int) -> int:
    """All weights of the language model, in memory as in their file; ``bits`` as above."""
    return sum(prod(shape) * width for _, shape, width in _tensors(config, bits))


def bytes_of_window(config: LmConfig, activation_bytes: int = _BFLOAT16_BYTES) -> int:
    """Keys and values of the temporal transformer's full window: held, and read in each step."""
    return 2 * config.num_layers * config.context * config.dim * activation_bytes


def lm_cost(config: LmConfig, bits: int, activation_bytes: int = _BFLOAT16_BYTES) -> Cost:
    """One step of the language model; ``bits`` as above."""
    return Cost(
        weight_bytes=bytes_per_step(config, bits),
        window_bytes=bytes_of_window(config, activation_bytes),
        flop=_lm_flop(config),
    )


def codec_cost(config: MimiConfig, codebooks: int) -> Cost:
    """One frame encoded and one decoded, in float32, with the first ``codebooks`` codebooks."""
    transformer = config.transformer
    shapes = published_shapes(config)
    used = {name: shape for name, shape in shapes.items() if _is_read(name, codebooks)}
    positions = _positions(config)
    multiplications = sum(
        prod(shape) * positions[_layer(name)] for name, shape in used.items() if len(shape) > 1
    )
    window = 2 * 2 * transformer.num_layers * transformer.context * config.seanet.dimension
    return Cost(
        weight_bytes=sum(map(prod, used.values())) * _FLOAT32_BYTES,
        window_bytes=window * _FLOAT32_BYTES,
        flop=2 * (multiplications + window * config.resample_stride),
    )


def _tensors(config: LmConfig, bits: int) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Name, shape and bytes an element of every tensor."""
    if bits not in _QUANTIZATIONS:
        raise ValueError(f"{bits} bits a weight, not 16, 8 or 4")
    shapes = mlx_shapes(config, _QUANTIZATIONS[bits])
    for name, shape in shapes.items():
        stem, _, kind = name.rpartition(".")
        packed = kind == "weight" and f"{stem}.scales" in shapes
        yield name, shape, _PACKED_BYTES if packed else _BFLOAT16_BYTES


def _is_table(name: str) -> bool:
    """Whether a step reads only one row."""
    stem = name.rpartition(".")[0]
    return stem == "text_emb" or stem.startswith("audio_embs.") or stem.endswith(".emb")


def _lm_flop(config: LmConfig) -> int:
    matrices = sum(
        prod(shape) for name, shape in mlx_shapes(config).items() if len(shape) > 1 and not _is_table(name)
    )
    # Each stored position costs one multiplication a channel against the query and one for the mean.
    passes = config.generated
    depth_positions = passes * (passes + 1) // 2
    attention = 2 * config.num_layers * config.context * config.dim
    attention += 2 * config.depth.num_layers * depth_positions * config.depth.dim
    return 2 * (matrices + attention)


def _is_read(name: str, codebooks: int) -> bool:
    """Whether a frame reads a tensor of the codec's file; tables of centroids are prepared at load."""
    if "_codebook." not in name:
        return True
    group, _, rest = name.partition(".vq.layers.")
    index = int(rest.partition(".")[0]) + (group == "quantizer.rvq_rest")
    return name.endswith("embedding_sum") and index < codebooks


def _layer(name: str) -> str:
    """The part of a tensor's name that tells how often a frame uses it."""
    return ".".join(name.split(".")[:3]) if "coder.model." in name else name.split(".")[0]


def _positions(config: MimiConfig) -> dict[str, int]:
    """How many columns of a frame each layer multiplies; between two rates it is those of the slower one."""
    stride, columns = config.resample_stride, config.frame_size
    blocks = config.seanet.n_residual_layers
    encoder, decoder = [columns], [columns]
    for ratio in reversed(config.seanet.ratios):
        slower = columns // ratio
        # The zeros stand for activations, which have an index but no weights.
        encoder += [*[columns] * blocks, 0, slower]
        decoder = [slower, *[columns] * blocks, 0, *decoder]
        columns = slower
    encoder += [0, columns]
    decoder = [columns, 0, *decoder]
    found = {f"encoder.model.{i}": count for i, count in enumerate(encoder)}
    found |= {f"decoder.model.{i}": count for i, count in enumerate(decoder)}
    found |= {"quantizer": 1, "downsample": 1, "upsample": 1}
    return found | {"encoder_transformer": stride, "decoder_transformer": stride}
