"""Language models of few parameters, each with a feature that published ones have."""

from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from moshi_speaker.moshi.config import DepthConfig, LmConfig
from moshi_speaker.moshi.lm.checkpoint import load_lm
from moshi_speaker.moshi.lm.generate import Generator
from moshi_speaker.moshi.lm.sampling import GREEDY

MOSHI_LIKE = LmConfig(
    dim=64,
    num_heads=2,
    num_layers=2,
    hidden=128,
    context=12,
    max_period=10_000.0,
    text_card=50,
    card=24,
    num_codebooks=6,
    delays=(0, 1, 1) * 2,
    depth=DepthConfig(dim=64, num_heads=2, num_layers=2, hidden=128, schedule=(0, 1, 2)),
)
SHARED_AND_LOW_RANK = replace(
    MOSHI_LIKE, depth=replace(MOSHI_LIKE.depth, schedule=(0, 1, 1), low_rank=64), delays=(0, 2, 2) * 2
)
"""As the 1B text-to-speech model: later passes share weights, embeddings are factored (moshi-spec §2.4)."""
ONE_B_LIKE = replace(MOSHI_LIKE, max_period=100_000.0, delays=(0, 2, 2) * 2)
"""As ``config1b_202412`` (moshi-spec §2.1)."""


KINDS = {"moshi": MOSHI_LIKE, "shared": SHARED_AND_LOW_RANK, "1b": ONE_B_LIKE}


def random_weights(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, mx.array]:
    """Weights under the given names, large enough that tokens vary; norms are near one."""
    rng = np.random.default_rng(seed)
    return {name: mx.array(_weight(rng, shape)) for name, shape in shapes.items()}


def _weight(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if len(shape) != 2:
        return rng.uniform(0.9, 1.1, shape).astype(np.float32)
    return rng.standard_normal(shape, np.float32) * np.float32(1.5 * shape[1] ** -0.5)


def greedy_tokens(
    path: Path, config: LmConfig, steps: int = 6, *, dequantize: bool = False
) -> list[list[int]]:
    """Text and audio tokens of each step of a file's model; the user's codes are always the same."""
    generator = Generator(load_lm(path, config, mx.float32, dequantize=dequantize), GREEDY, mx.float32)
    done = [generator.start()]
    for t in range(steps - 1):
        done.append(generator.step((mx.arange(config.heard) * 5 + t * 7)[None, :, None] % config.card))
    return [np.array(mx.concatenate([step.text, *step.raw])).tolist() for step in done]
