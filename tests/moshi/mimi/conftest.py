"""The small Mimi of the reference values."""

import json
from pathlib import Path

import mlx.core as mx
import pytest

from moshi_speaker.moshi.mimi.codec import Mimi
from moshi_speaker.moshi.mimi.config import MimiConfig

GOLDEN = Path(__file__).parents[2] / "data" / "golden"


@pytest.fixture(scope="session")
def small_config() -> MimiConfig:
    """Fewer channels, and a window of 24 positions."""
    return MimiConfig.from_dict(json.loads((GOLDEN / "small.mimi.json").read_text()))


@pytest.fixture(scope="session")
def small_weights() -> dict[str, mx.array]:
    """The small checkpoint under its published names."""
    weights = mx.load(str(GOLDEN / "small.mimi.safetensors"))
    assert isinstance(weights, dict)
    return weights


@pytest.fixture(scope="session")
def reference() -> dict[str, mx.array]:
    """What the PyTorch reference makes of 60 frames: pcm, latent, codes, decoded."""
    values = mx.load(str(GOLDEN / "small.mimi.io.safetensors"))
    assert isinstance(values, dict)
    return values


@pytest.fixture(scope="session")
def small_mimi(small_config: MimiConfig, small_weights: dict[str, mx.array]) -> Mimi:
    """With all of its eight codebooks."""
    mimi = Mimi(small_config, 8)
    mimi.load_weights(list(mimi.sanitize(small_weights).items()))
    return mimi
