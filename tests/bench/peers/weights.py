"""Random weights in the published files, the same for everybody; written once."""

import os
from pathlib import Path

import numpy as np

from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.mimi.layout import published_shapes
from moshi_speaker.moshi.safetensors import Tensor, write_tensors
from moshi_speaker.moshi.synthetic import random_codec_tensor


def mimi_weights(folder: Path) -> Path:
    """A Mimi of the published size, 385 MB, whose signals keep their level through all layers."""
    path = folder / "mimi.safetensors"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        tensors = {name: Tensor("F32", shape) for name, shape in published_shapes(MimiConfig()).items()}
        unfinished = path.with_suffix(f".{os.getpid()}")
        write_tensors(
            unfinished,
            tensors,
            lambda name: random_codec_tensor(rng, name, tensors[name].shape).astype("<f4").tobytes(),
        )
        unfinished.rename(path)
    return path
