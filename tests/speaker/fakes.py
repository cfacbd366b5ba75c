"""Hand-written parts at the Protocol seams, which the test commands and looks into."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import numpy as np

from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.frames import BLOCK_SAMPLES, SAMPLE_RATE, Capture, Lost, Render, Samples
from moshi_speaker.engine.interface import AnsweredFrame, EngineInfo, Memory, Status, Timings
from moshi_speaker.errors import DeviceError, EngineError, SpeakerError
from moshi_speaker.wake.detector import WakeChunk

PATIENCE_S = 10.0
"""Far more than anything here takes; only a bug, or a very busy machine, needs it."""


class News:
    """Lets a test wait until something holds, whichever thread makes it true."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def tell(self) -> None:
        """Something changed; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until it holds. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._event.clear()
                if not holds():
                    await self._event.wait()


@dataclass
class FakeEngine:
    """Records what it hears; the test decides what it answers, and whether it lives."""

    news: News
    status: Status = print
    """Given by the speaker."""
    info: EngineInfo = field(default_factory=lambda: EngineInfo("fake", load_s=0.1, frame_ms=20.0))
    """What it says of itself."""
    start_error: SpeakerError | None = None
    """What its start raises."""
    started: bool = False
    begun: list[int] = field(default_factory=list)
    ended: int = 0
    fed: list[tuple[int, Samples]] = field(default_factory=list)
    """Session and frame."""
    taken: int = 0
    """Answers that the speaker has dealt with."""
    closed: bool = False
    may_start: asyncio.Event = field(default_factory=asyncio.Event)
    may_close: asyncio.Event = field(default_factory=asyncio.Event)
    dropped_frames: int = 0
    memory: Memory = field(default_factory=lambda: Memory(active_bytes=7, peak_bytes=9, cache_bytes=1))

    def __post_init__(self) -> None:
        self._session: int | None = None
        self._answers: asyncio.Queue[AnsweredFrame | BaseException] = asyncio.Queue()
        self.may_start.set()
        self.may_close.set()

    async def start(self) -> EngineInfo:
        self.started = True
        self.news.tell()
        await self.may_start.wait()
        if self.start_error is not None:
            raise self.start_error
        return self.info

    def begin(self, session: int) -> None:
        self._session = session
        self.begun.append(session)
        self.news.tell()

    def feed(self, frame: Samples) -> None:
        if self._session is not None:
            self.fed.append((self._session, frame.copy()))
            self.news.tell()

    def end(self) -> None:
        self._session = None
        self.ended += 1
        self.news.tell()

    async def frames(self) -> AsyncIterator[AnsweredFrame]:
        while True:
            answer = await self._answers.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer
            self.taken += 1
            self.news.tell()

    async def close(self) -> None:
        await self.may_close.wait()
        self.closed = True
        self.news.tell()

    @property
    def talks(self) -> bool:
        """There is a session."""
        return self._session is not None

    def answer(
        self,
        text: str = "",
        audio: Samples | None = None,
        *,
        backlog: int = 0,
        session: int | None = None,
        compute_ms: float = 1.0,
        latency_ms: float = 1.0,
    ) -> None:
        """Answer a frame of the session."""
        number = session or self._session
        assert number is not None
        timings = Timings(queued_ms=0.0, compute_ms=compute_ms)
        answer = AnsweredFrame(number, 0, audio, text, not text, timings, backlog, latency_ms)
        self._answers.put_nowait(answer)

    def lose(self, error: BaseException | None = None) -> None:
        """Die."""
        self._answers.put_nowait(error or EngineError("the engine process was killed by SIGKILL"))

    def heard(self) -> list[float]:
        """The first sample of each frame so far."""
        return [float(frame[0]) for _, frame in self.fed]


class FakeDevice:
    """A microphone that hears what the test gives it, and a loudspeaker that the test listens to."""

    description = "a device of the tests"
    defects = Defects()

    def __init__(self, news: News) -> None:
        self.refusals: deque[DeviceError] = deque()
        """What the next starts raise."""
        self.starts = 0
        self.stops = 0
        self.capturing: bool | None = None
        """None while it is closed."""
        self.switched: list[bool] = []
        """Whether its microphone was on, at each start and switch."""
        self.may_start = threading.Event()
        self.may_start.set()
        self.may_stop = threading.Event()
        self.may_stop.set()
        self._news = news
        self._capture: Capture | None = None
        self._render: Render | None = None
        self._lost: Lost | None = None

    def start(self, capture: Capture, render: Render, lost: Lost, *, capturing: bool = True) -> None:
        self.starts += 1
        self._news.tell()
        self.may_start.wait(PATIENCE_S)
        if self.refusals:
            raise self.refusals.popleft()
        self._capture, self._render, self._lost = capture, render, lost
        self.capturing = capturing
        self.switched.append(capturing)
        self._news.tell()

    def set_capture(self, on: bool) -> None:
        self.capturing = on
        self.switched.append(on)
        self._news.tell()

    def check(self, now: float) -> None:
        pass

    def stop(self) -> None:
        self.may_stop.wait(PATIENCE_S)
        self.stops += 1
        self.capturing = None
        self._news.tell()

    def push(self, frame: Samples, at: float) -> None:
        """The microphone hears a frame, block by block; ``at`` is the time of its first sample."""
        assert self._capture is not None
        for start in range(0, len(frame), BLOCK_SAMPLES):
            self._capture(frame[start : start + BLOCK_SAMPLES], at + start / SAMPLE_RATE)

    def exchange(self, block: Samples, at: float) -> Samples:
        """The microphone hears a block, and the loudspeaker plays one as long; what it played."""
        assert self._capture is not None and self._render is not None
        self._capture(block, at)
        return self._render(len(block), at)

    def pull(self, seconds: float) -> Samples:
        """The loudspeaker plays for so long; what it played."""
        assert self._render is not None
        blocks = round(seconds * SAMPLE_RATE / BLOCK_SAMPLES)
        return np.concatenate([self._render(BLOCK_SAMPLES, 0.0) for _ in range(blocks)])

    def vanish(self) -> None:
        """The cable is pulled; said from a thread of the device."""
        assert self._lost is not None
        thread = threading.Thread(target=self._lost, args=("the sound device went away",))
        thread.start()
        thread.join()


class FakeWake:
    """Hears the wake word in the chunk that the test names; counts the chunks."""

    def __init__(self, news: News, words: tuple[str, ...] = ("hey_jarvis",)) -> None:
        self.words = words
        self.chunks = 0
        self.resets = 0
        self.word_in: set[int] = set()
        """Numbers of chunks, from 0."""
        self.score = 0.93
        """That of these chunks."""
        self.failure: BaseException | None = None
        self.closed = False
        self._news = news

    def scores(self, chunk: WakeChunk) -> list[float]:
        if self.failure is not None:
            raise self.failure
        number, self.chunks = self.chunks, self.chunks + 1
        self._news.tell()
        return [self.score if number in self.word_in else 0.0] * len(self.words)

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed = True
