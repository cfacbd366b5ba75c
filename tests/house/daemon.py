"""A whole speaker as a process, but for its sound device, its model and its wake word, which are scripted.

    python -m tests.house.daemon run --config FILE

It is ``moshi-speaker run`` in all else. What it shall hear and say comes line by line on standard input, and
each line is answered by ``done`` and its number, from 1, when it has happened; ``ready`` is said when the
first one may come:

    wake                     the wake word is heard
    start, end               a conversation begins, or ends
    say TEXT                 Moshi says a sentence
    settle                   all that has happened is committed to the history
    talk FIRST COUNT PER S   Moshi says sentences with these numbers, so many in each conversation, with
                             pauses of S seconds

The environment variable HOUSE holds JSON: ``set`` are constants that make time shorter, ``module:NAME`` and
value; ``removed`` are entities that Home Assistant shall forget, key and platform.
"""

import asyncio
import importlib
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import numpy as np

from moshi_speaker import events as ev
from moshi_speaker.__main__ import main
from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.frames import (
    BLOCK_SAMPLES,
    FRAME_SAMPLES,
    SAMPLE_RATE,
    Capture,
    Lost,
    Render,
    Samples,
)
from moshi_speaker.engine.interface import AnsweredFrame, EngineInfo, Memory, Status, Timings
from moshi_speaker.home import discovery
from moshi_speaker.settings import Settings, WakeSettings
from moshi_speaker.speaker import daemon, parts
from moshi_speaker.wake.detector import WakeChunk

BREATH_FRAMES = 6
"""Frames without a word that end a sentence."""
SETTLE_S = 10.0
"""Seconds for the history to commit what waits."""
WORD_CHUNKS = 3
"""Chunks of 80 ms in which the wake word is heard."""


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class SilentDevice:
    """A microphone in a silent room, and a loudspeaker that nobody hears, in real time."""

    description = "a silent room"
    defects = Defects()

    def __init__(self) -> None:
        self._capturing = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, capture: Capture, render: Render, lost: Lost, *, capturing: bool = True) -> None:
        """Begin; one frame of silence follows the other."""
        self._capturing = capturing
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(capture, render, self._ended), daemon=True)
        self._thread.start()

    def set_capture(self, on: bool) -> None:
        """Let the microphone run, or stop it."""
        self._capturing = on

    def check(self, now: float) -> None:
        """It always lives."""

    def stop(self) -> None:
        """End. May be called twice."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, capture: Capture, render: Render, ended: threading.Event) -> None:
        silence, frame_s = np.zeros(FRAME_SAMPLES, np.float32), FRAME_SAMPLES / SAMPLE_RATE
        while not ended.wait(frame_s):
            if self._capturing:
                capture(silence, time.monotonic() - frame_s)
            for _ in range(FRAME_SAMPLES // BLOCK_SAMPLES):
                render(BLOCK_SAMPLES, 0.0)


class Talker:
    """An engine that says what it is told to."""

    dropped_frames = 0
    memory = Memory(active_bytes=7, peak_bytes=9, cache_bytes=1)

    def __init__(self) -> None:
        self._session: int | None = None
        self._answers: asyncio.Queue[AnsweredFrame] = asyncio.Queue()

    async def start(self) -> EngineInfo:
        """It is ready at once."""
        return EngineInfo("talker", load_s=0.1, frame_ms=20.0)

    def begin(self, session: int) -> None:
        """A session begins."""
        self._session = session

    def feed(self, frame: Samples) -> None:
        """It hears nothing."""

    def end(self) -> None:
        """The session is over."""
        self._session = None

    async def frames(self) -> AsyncIterator[AnsweredFrame]:
        """What it was told to say; who asks for it has noticed that it is ready."""
        say("ready")
        while True:
            answer = await self._answers.get()
            yield answer
            self._answers.task_done()

    async def close(self) -> None:
        """There is nothing to close."""

    async def say(self, text: str) -> None:
        """Say a sentence; returns when the speaker has dealt with it."""
        assert self._session is not None, "there is no conversation"
        for piece in (text, *[""] * BREATH_FRAMES):
            timings = Timings(queued_ms=0.0, compute_ms=1.0)
            self._answers.put_nowait(AnsweredFrame(self._session, 0, None, piece, not piece, timings, 0, 1.0))
        await self._answers.join()


class ScriptedWake:
    """Hears each of its words when it is told to."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self.chunks_left = 0

    def scores(self, chunk: WakeChunk) -> list[float]:
        """A high score for each word, or none."""
        heard, self.chunks_left = self.chunks_left > 0, max(0, self.chunks_left - 1)
        return [0.93 if heard else 0.0 for _ in self.words]

    def reset(self) -> None:
        """There is nothing to forget."""

    def close(self) -> None:
        """There is nothing to free."""


class Script:
    """Does what the lines on standard input say."""

    def __init__(self) -> None:
        self.emit: Callable[[ev.Event], None] = print
        self.settle: Callable[[float], bool] = bool
        self.talker = Talker()
        self.wake = ScriptedWake(())

    async def run(self) -> None:
        """Until the lines end."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        for number in itertools.count(1):
            line = (await reader.readline()).decode().strip()
            if not line:
                return
            try:
                await self._do(*line.split(" ", 1))
            except (AssertionError, ValueError) as error:
                sys.stderr.write(f"cannot {line}: {error}\n")
                os._exit(1)
            say(f"done {number}")

    async def _do(self, word: str, rest: str = "") -> None:
        match word:
            case "wake":
                self.wake.chunks_left = WORD_CHUNKS
            case "start":
                self.emit(ev.StartRequested("script"))
            case "end":
                self.emit(ev.StopRequested())
            case "say":
                await self.talker.say(rest)
            case "settle":
                assert await asyncio.to_thread(self.settle, SETTLE_S), "the history is too slow"
            case "talk":
                first, count, each, pause_s = rest.split()
                await self._talk(int(first), int(count), int(each), float(pause_s))
            case _:
                raise ValueError(f"nobody knows how to {word}")

    async def _talk(self, first: int, count: int, each: int, pause_s: float) -> None:
        for number in range(first, first + count):
            if (number - first) % each == 0:
                self.emit(ev.StopRequested())
                self.emit(ev.StartRequested("script"))
            await self.talker.say(f"This is sentence {number}.")
            say(f"said {number}")
            await asyncio.sleep(pause_s)
        self.emit(ev.StopRequested())


SCRIPT = Script()


class ScriptedSpeaker(daemon.Speaker):
    """The speaker, to whom the script has access."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 (as its base)
        super().__init__(*arguments, **options)
        SCRIPT.emit, SCRIPT.settle = self.emit, self._body.reporting.history.settle
        self._script = asyncio.create_task(SCRIPT.run(), name="script")


def _scripted_engine(settings: Settings, status: Status) -> Talker:
    SCRIPT.talker = Talker()
    return SCRIPT.talker


def _scripted_wake(settings: WakeSettings) -> ScriptedWake:
    SCRIPT.wake = ScriptedWake([word.name for word in settings.words])
    return SCRIPT.wake


def _prepare(house: dict[str, Any]) -> None:
    """Put the scripted parts in their places, and make time shorter."""
    for name, value in house.get("set", {}).items():
        module = importlib.import_module(name.partition(":")[0])
        constant = name.partition(":")[2]
        assert hasattr(module, constant), f"{name} is no more"
        setattr(module, constant, value)
    if "removed" in house:
        removed = tuple((key, platform) for key, platform in house["removed"])
        discovery.announcement.__defaults__ = (removed,)
    vars(parts).update(
        sound_device=lambda settings, clock: SilentDevice(),
        engine=_scripted_engine,
        open_engine=_scripted_wake,
    )
    vars(daemon).update(Speaker=ScriptedSpeaker)


if __name__ == "__main__":
    _prepare(json.loads(os.environ.get("HOUSE", "{}")))
    sys.exit(main())
