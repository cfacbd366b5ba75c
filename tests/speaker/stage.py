"""A whole speaker between a fake device, a fake wake engine and fake engines."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np

from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, Samples
from moshi_speaker.engine.interface import Engine, Status
from moshi_speaker.errors import CheckpointError
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.daemon import Speaker
from moshi_speaker.speaker.listening import MakeDetector
from moshi_speaker.speaker.memory import Memory
from moshi_speaker.speaker.restart import Restarts
from moshi_speaker.wake.detector import Detector
from moshi_speaker.wake.policy import WakePolicy
from tests.speaker.fakes import FakeDevice, FakeEngine, FakeWake, News

STOP_S = 5.0
"""The promise: a speaker stops within so many seconds."""
IN_FLIGHT = 8
"""Frames that may be on their way through the front end; fewer than it holds."""


class Stage:
    """The speaker under test and its parts."""

    def __init__(
        self,
        settings: Settings,
        *,
        wake: bool = True,
        make_engine: Callable[[Status], Engine] | None = None,
        detector: Detector | None = None,
        make_detector: MakeDetector | None = None,
        reread: Callable[[], Settings] | None = None,
        restarts: Restarts | None = None,
    ) -> None:
        """``make_engine`` makes others than the fake ones; ``detector`` stands in for the fake one.

        ``make_detector`` makes those of other wake words; ``reread`` and ``restarts`` are the speaker's.
        """
        self.news = News()
        self.device = FakeDevice(self.news)
        self.wake = FakeWake(self.news)
        self.engines: list[FakeEngine] = []
        """Those that were made so far."""
        self._coming: deque[FakeEngine] = deque()
        self.pushed = 0
        """Frames that the microphone has heard."""
        self._began = 0.0
        policy = WakePolicy(settings.wake.threshold, patience=1, refractory_s=0.0)
        if detector is None and wake:
            detector = Detector(self.wake, policy, gate_chunks=0)
        self.speaker = Speaker(
            settings,
            self.device,
            detector,
            make_engine or self._make_engine,
            time.monotonic,
            make_detector=make_detector,
            memory=Memory(settings.speaker.state_dir),
            reread=reread,
            restarts=restarts,
        )

    @property
    def engine(self) -> FakeEngine:
        """The present engine."""
        return self.engines[-1]

    def run(self) -> None:
        """Begin to run the speaker."""
        self.running = asyncio.create_task(self.speaker.run(), name="speaker")

    async def hear(self, frames: int, *, wake_word: bool = False) -> None:
        """Let the microphone hear frames, each with its number in its samples, maybe with the wake word."""
        if wake_word:
            self.wake.word_in.add(self.pushed + frames - IN_FLIGHT)
        self._began = self._began or time.monotonic()
        for _ in range(frames):
            self.device.push(numbered(self.pushed), self._began + self.pushed * FRAME_SECONDS)
            self.pushed += 1
            await self.news.until(lambda: self.wake.chunks > self.pushed - IN_FLIGHT)

    async def hear_with(self, engine: FakeWake | None, frames: int) -> None:
        """The same with another wake engine, if there is one; in the last frame is its word."""
        if engine is not None:
            engine.word_in.add(engine.chunks + frames - 1)
        self._began = self._began or time.monotonic()
        for _ in range(frames):
            self.device.push(numbered(self.pushed), self._began + self.pushed * FRAME_SECONDS)
            self.pushed += 1
            assert await asyncio.to_thread(self.speaker._body.ears._front_end.wait_idle, 10.0)

    async def until_idle(self) -> None:
        """The first engine is ready."""
        await self.news.until(lambda: self.engines and self.engine.started)
        # The readiness is dealt with in the same breath as the end of the engine's start.
        await asyncio.sleep(0)

    async def until_session(self, number: int) -> None:
        """The engine has this session."""
        await self.news.until(lambda: self.engines and self.engine.begun[-1:] == [number])

    async def stopped(self) -> float:
        """Ask it to stop; the seconds that took."""
        asked = time.monotonic()
        self.speaker.stop()
        async with asyncio.timeout(2 * STOP_S):
            await self.running
        return time.monotonic() - asked

    async def failed(self) -> BaseException:
        """The error with which it ends by itself."""
        async with asyncio.timeout(2 * STOP_S):
            await asyncio.wait({self.running})
        error = self.running.exception()
        assert error is not None
        return error

    def prepare_engine(self, kind: type[FakeEngine] = FakeEngine) -> FakeEngine:
        """The next engine that shall be made, to be arranged by the test."""
        self._coming.append(kind(self.news))
        return self._coming[-1]

    def _make_engine(self, status: Status) -> Engine:
        self.engines.append(self._coming.popleft() if self._coming else FakeEngine(self.news))
        self.engine.status = status
        return self.engine


@asynccontextmanager
async def on_stage(
    settings: Settings,
    *,
    wake: bool = True,
    run: bool = True,
    make_engine: Callable[[Status], Engine] | None = None,
    detector: Detector | None = None,
    make_detector: MakeDetector | None = None,
    reread: Callable[[], Settings] | None = None,
    restarts: Restarts | None = None,
) -> AsyncIterator[Stage]:
    """A speaker that runs until the end of the block, and leaves nothing behind."""
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    stage = Stage(
        settings,
        wake=wake,
        make_engine=make_engine,
        detector=detector,
        make_detector=make_detector,
        reread=reread,
        restarts=restarts,
    )
    if run:
        stage.run()
    took = 0.0
    try:
        yield stage
    finally:
        if not stage.running.done():
            took = await stage.stopped()
    assert took < STOP_S
    assert asyncio.all_tasks() == tasks
    for thread in set(threading.enumerate()) - threads:
        if not thread.name.startswith("asyncio_"):  # those of the loop's own executor go with the loop
            thread.join(STOP_S)
            assert not thread.is_alive(), thread.name
    for engine in stage.engines:
        assert engine.closed
    assert stage.device.capturing is None
    assert stage.wake.closed is wake


def numbered(number: int) -> Samples:
    """A frame that can be recognised, and is far too soft to be speech."""
    return np.full(FRAME_SAMPLES, (number + 1) * 1e-5, np.float32)


def numbers(engine: FakeEngine) -> list[int]:
    """Which frames it has heard."""
    return [round(sample / 1e-5) - 1 for sample in engine.heard()]


def lost_for_good() -> CheckpointError:
    """A failure of an engine that no restart mends."""
    return CheckpointError("lm.text_emb.weight is missing", where="model.safetensors")
