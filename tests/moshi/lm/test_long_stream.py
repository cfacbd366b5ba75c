"""A stream of ten thousand steps with the window of the 7B model, at a small width."""

import statistics
import time
from dataclasses import replace

import mlx.core as mx
import numpy as np

from moshi_speaker.moshi.config import MOSHI_7B, DepthConfig
from moshi_speaker.moshi.lm.generate import Generator
from moshi_speaker.moshi.lm.layout import mlx_shapes
from moshi_speaker.moshi.lm.sampling import GREEDY
from moshi_speaker.moshi.lm.stacking import stacked
from moshi_speaker.moshi.lm.temporal import MoshiLm
from tests.moshi.lm.small import random_weights

NARROW = replace(
    MOSHI_7B,
    dim=64,
    num_heads=2,
    num_layers=1,
    hidden=64,
    text_card=50,
    card=24,
    num_codebooks=2,
    delays=(0, 1),
    depth=DepthConfig(dim=32, num_heads=1, num_layers=1, hidden=32, schedule=(0,)),
)
EARLY, LATE = 3_500, 10_000
WINDOW = 20
"""Steps timed in one go."""


def steps(generator: Generator, count: int) -> float:
    """Seconds that each of so many steps took this process, other work on the machine aside."""
    codes = mx.array(np.arange(NARROW.heard), mx.int32)[None, :, None]
    start = time.process_time()
    for _ in range(count):
        step = generator.step(codes)
        mx.eval(step.text, step.raw, *generator.state_arrays())
    return (time.process_time() - start) / count


def started(model: MoshiLm, count: int) -> Generator:
    generator = Generator(model, GREEDY, mx.float32)
    generator.start()
    steps(generator, count)
    return generator


def test_step_ten_thousand_takes_the_time_and_the_memory_of_step_three_and_a_half_thousand() -> None:
    model = MoshiLm(NARROW)
    model.load_weights(list(stacked(random_weights(mlx_shapes(NARROW)), NARROW).items()))
    old = started(model, NARROW.context)
    memory = mx.get_active_memory()
    steps(old, LATE - NARROW.context)
    assert abs(mx.get_active_memory() - memory) < 10_000
    young = started(model, EARLY)
    # In turns, so that both have the same share of whatever else the machine does.
    ratios = [steps(old, WINDOW) / steps(young, WINDOW) for _ in range(40)]
    assert statistics.median(ratios) < 1.05
