"""Frames as the engine takes them when some are waiting: the voice of one while the next is heard."""

import asyncio
from itertools import pairwise

from moshi_speaker.bench.alternate import WARM_UP_ROUNDS, Clock
from moshi_speaker.bench.event_loop import event_loop
from moshi_speaker.bench.report import OURS, Times
from moshi_speaker.engine.interface import Status
from moshi_speaker.engine.pace import sample_frames
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.settings import EngineSettings, ModelSettings

AHEAD = 3
"""Frames that wait at any time."""


def time_engine(model: str, rounds: int, clock: Clock, say: Status) -> list[Times]:
    """From one answer of the engine's process to the next. Raises SpeakerError."""
    with asyncio.Runner(loop_factory=event_loop) as runner:
        times = runner.run(_answers(model, rounds + WARM_UP_ROUNDS, clock, say))
    gaps_ms = [1_000.0 * (later - earlier) for earlier, later in pairwise(times[WARM_UP_ROUNDS - 1 :])]
    return [Times("frame: in the engine", OURS, tuple(gaps_ms))]


async def _answers(model: str, count: int, clock: Clock, say: Status) -> list[float]:
    settings = EngineSettings(too_slow="warn", benchmark_frames=3)
    engine = LocalEngine(ModelSettings(source=model, seed=0), settings, status=say)
    sound = iter(sample_frames(count))
    times: list[float] = []
    try:
        await engine.start()
        engine.begin(1)
        for _ in range(min(AHEAD, count)):
            engine.feed(next(sound))
        async for _ in engine.frames():
            times.append(clock())
            if len(times) == count:
                break
            for frame in sound:
                engine.feed(frame)
                break
    finally:
        await engine.close()
    return times
