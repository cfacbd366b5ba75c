"""The published file of the codec -> a codec ready to run."""

from pathlib import Path

import mlx.core as mx

from moshi_speaker.errors import CheckpointError
from moshi_speaker.moshi.mimi.codec import Mimi, Way
from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.mimi.layout import published_shapes
from moshi_speaker.moshi.safetensors import check_shapes, read_header


def check_mimi(path: Path, config: MimiConfig) -> int:
    """Hold a file's header against ``config``; the number of its tensors.

    Raises CheckpointError that names the first tensor that does not fit.
    """
    header = read_header(path)
    check_shapes(header, published_shapes(config), str(path))
    for name, tensor in header.items():
        if tensor.dtype not in {"F32", "BF16", "F16"}:
            raise CheckpointError(
                f"tensor {name} has type {tensor.dtype}, expected BF16 or F16 or F32", where=str(path)
            )
    return len(header)


def load_mimi(
    path: Path, config: MimiConfig, num_codebooks: int, *, compiled: bool = False, only: Way | None = None
) -> Mimi:
    """Load a codec for its first ``num_codebooks`` codebooks, in float32. Raises CheckpointError.

    ``compiled``: let MLX trace and fuse the frames of streams. ``only``: the one direction that is needed.
    """
    check_mimi(path, config)
    weights = mx.load(str(path), format="safetensors")
    assert isinstance(weights, dict)
    mimi = Mimi(config, num_codebooks, compiled=compiled)
    single = {name: array.astype(mx.float32) for name, array in weights.items()}
    mimi.load_weights(list(mimi.sanitize(single).items()), strict=True)
    if only is not None:
        mimi.keep_only(only)
    mx.eval(mimi.parameters())
    return mimi
