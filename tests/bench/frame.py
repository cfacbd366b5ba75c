"""How long one frame of 80 ms takes on this machine: the codec at full size, and a language model.

``python tests/bench/frame.py`` needs no weights: they are random, which takes as long as real ones.
``--model`` times a model of yours, by repo id or folder, in place of the small random one.
"""

import argparse
from collections.abc import Callable
from time import perf_counter

import moshi_speaker.moshi  # noqa: F401 - before MLX itself: it settles how MLX computes

# isort: split
import mlx.core as mx
import numpy as np
from rich.console import Console
from rich.table import Table

from moshi_speaker.moshi.config import DepthConfig, LmConfig
from moshi_speaker.moshi.dialogue import activation_dtype, load
from moshi_speaker.moshi.lm.generate import Generator
from moshi_speaker.moshi.lm.sampling import Sampling
from moshi_speaker.moshi.lm.temporal import MoshiLm
from moshi_speaker.moshi.mimi.codec import Mimi, MimiConfig
from moshi_speaker.settings import ModelSettings

FRAME_MS = 80.0
WARMUP_FRAMES = 5
SMALL = LmConfig(
    dim=512,
    num_heads=8,
    num_layers=4,
    hidden=1408,
    context=500,
    max_period=10_000.0,
    text_card=4_000,
    card=2_048,
    num_codebooks=16,
    delays=(0, *[1] * 7) * 2,
    depth=DepthConfig(dim=256, num_heads=8, num_layers=2, hidden=704, schedule=tuple(range(8))),
)
"""Moshi's layout, about a hundredth of its size."""

Frame = Callable[[], None]
"""Does the work of one frame and waits for it."""


def mimi_encode(mimi: Mimi) -> Frame:
    """Sound to codes."""
    state = mimi.make_encoder_state()
    pcm = mx.random.normal((1, mimi.config.frame_size)) * 0.1
    return lambda: mx.eval(mimi.encode(pcm, state))


def mimi_decode(mimi: Mimi) -> Frame:
    """Codes to sound."""
    state = mimi.make_decoder_state()
    codes = mx.random.randint(0, mimi.config.quantizer.bins, (1, mimi.num_codebooks, 1))
    return lambda: mx.eval(mimi.decode(codes, state))


def lm_step(config: LmConfig) -> Frame:
    """One step of a random language model, depth transformer and sampling included."""
    model = MoshiLm(config)
    generator = Generator(model, Sampling(seed=0), activation_dtype())
    generator.start()
    codes = mx.zeros((1, config.heard, 1), mx.int32)
    return lambda: mx.eval(generator.step(codes).text, *generator.state_arrays())


def whole_frame(source: str) -> Frame:
    """Everything that the engine does with one frame."""
    dialogue = load(ModelSettings(source=source), lambda _status: None)
    pcm = np.zeros(1_920, np.float32)
    return lambda: void(dialogue.step(pcm))


def void(_result: object) -> None:
    """Drop a result."""


def milliseconds(frame: Frame, frames: int) -> list[float]:
    """Time of each of so many frames, after a warm-up."""
    times = []
    for index in range(WARMUP_FRAMES + frames):
        begin = perf_counter()
        frame()
        if index >= WARMUP_FRAMES:
            times.append(1_000 * (perf_counter() - begin))
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long one frame of 80 ms takes on this machine.")
    parser.add_argument("--frames", type=int, default=50, help="how many frames to time")
    parser.add_argument("--model", help="repo id or folder of a model to time as a whole")
    options = parser.parse_args()
    mimi = Mimi(MimiConfig(), 8)
    work = {"Mimi encode": mimi_encode(mimi), "Mimi decode": mimi_decode(mimi)}
    if options.model:
        work[f"{options.model}, whole frame"] = whole_frame(options.model)
    else:
        work["language model step, small"] = lm_step(SMALL)
    table = Table("work", "median ms", "95 % ms", "of real time", title=f"One frame on {mx.default_device()}")
    for name, frame in work.items():
        median, slow = np.percentile(milliseconds(frame, options.frames), (50, 95))
        table.add_row(name, f"{median:.1f}", f"{slow:.1f}", f"{median / FRAME_MS:.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()
