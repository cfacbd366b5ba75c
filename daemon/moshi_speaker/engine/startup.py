"""The start of the engine process: load a model, warm it up, see whether this machine keeps up."""

import gc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.engine.dialogue import Dialogue, Load, Reply
from moshi_speaker.engine.interface import realtime_factor
from moshi_speaker.engine.messages import Configure
from moshi_speaker.engine.pace import measure, sample_frames
from moshi_speaker.engine.protocol import FRAME_SAMPLES
from moshi_speaker.errors import CheckpointError, TooSlowError
from moshi_speaker.settings import EngineSettings

LEAST_PRO_GB_S = 150.0
"""Memory bandwidth, as published, of the slowest of Apple's Pro chips, M3 Pro."""

Tell = Callable[[str], None]
"""Hears in one line what the start is busy with."""
Clock = Callable[[], float]
"""Seconds of a monotonic clock."""


@dataclass(frozen=True, slots=True)
class Started:
    """A model that is ready, as fresh as if nobody had ever measured it."""

    dialogue: Dialogue
    frame_ms: float
    """Milliseconds that a frame takes."""
    problem: str = ""
    """Why it is too slow, in one line; empty when it is not."""
    replaces: str = ""
    """The model that was asked for; empty when it is this one."""


def start_up(configure: Configure, load: Load, tell: Tell, clock: Clock) -> Started:
    """Load the model that is asked for, or what may take its place.

    Raises TooSlowError when ``engine.too_slow`` says so, and SpeakerError when a model cannot be loaded.
    """
    model, engine = configure.model, configure.engine
    dialogue = load(model, tell)
    replaces = ""
    while True:
        frame_ms = _try_out(dialogue, engine, tell, clock)
        if realtime_factor(frame_ms) <= engine.max_realtime_factor:
            return Started(dialogue, frame_ms, replaces=replaces)
        error, smaller = _verdict(model.source, frame_ms, engine.max_realtime_factor)
        if engine.too_slow == "warn":
            return Started(dialogue, frame_ms, str(error), replaces)
        if engine.too_slow == "refuse" or smaller is None:
            raise error
        tell(f"{error.where}: {error.what}; loading {smaller} in its place")
        replaces = replaces or model.source
        model = model.model_copy(update={"source": smaller, "revision": None})
        # Both at once may be more than the machine holds.
        del dialogue
        gc.collect()
        try:
            dialogue = load(model, tell)
        except CheckpointError as missing:
            what = f"{error.what}, and {smaller} in its place cannot be loaded: {missing.what}"
            raise TooSlowError(what, where=error.where, remedy=missing.remedy) from missing


def _try_out(dialogue: Dialogue, engine: EngineSettings, tell: Tell, clock: Clock) -> float:
    """Warm up, which also compiles every kernel, and measure; milliseconds a frame."""
    tell("warming up")
    dialogue.reset()
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    for _ in range(engine.warmup_frames):
        _whole(dialogue.step(silence))
    pipeline = Pipeline(dialogue)
    frames = list(sample_frames(engine.benchmark_frames))
    frame_ms = measure(
        pipeline.step,
        frames,
        engine.max_realtime_factor,
        clock,
        again=lambda: tell("this machine is slow, or busy just now: measuring again"),
    )
    pipeline.drain()
    dialogue.reset()
    return frame_ms


class Pipeline:
    """Hears a frame while the sound of the one before may still be made, as in a talk."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._reply: Reply | None = None

    def step(self, pcm: NDArray[np.float32]) -> None:
        """Hear a frame, shape (1920,), then wait for the sound of the one before."""
        reply = self._dialogue.step(pcm)
        self.drain()
        self._reply = reply

    def drain(self) -> None:
        """Wait for all sound."""
        if self._reply is not None:
            _whole(self._reply)
        self._reply = None


def _whole(reply: Reply) -> NDArray[np.float32] | None:
    return reply.audio  # which may still be in the making


def _verdict(source: str, frame_ms: float, bound: float) -> tuple[TooSlowError, str | None]:
    """The error for a model that is too slow, and the next smaller published one that would fit."""
    # Only where it is needed: the package settles how MLX computes.
    from moshi_speaker.moshi.siblings import least_bandwidth, smaller_siblings

    factor = realtime_factor(frame_ms)
    what = f"too slow on this machine: a frame takes {factor:.2f} of its 80 ms, {bound:g} may be used"
    estimates = [(name, factor * share) for name, share in smaller_siblings(source)]
    for name, estimate in estimates:
        if estimate <= bound:
            remedy = (
                f"set model.source to {name} (about {estimate:.2f}), or engine.too_slow to degrade or warn"
            )
            return TooSlowError(what, where=source, remedy=remedy), name
    for name, estimate in estimates[-1:]:
        what += f"; {name} would still take about {estimate:.2f}"
    needed = least_bandwidth(bound) / 1e9
    have = ", as Apple's Pro, Max and Ultra chips and NVIDIA cards have" if needed <= LEAST_PRO_GB_S else ""
    remedy = (
        f"Moshi needs {needed:.0f} GB/s of memory{have}, or a smaller model of your own;"
        " engine.too_slow: warn tries it all the same"
    )
    return TooSlowError(what, where=source, remedy=remedy), None
