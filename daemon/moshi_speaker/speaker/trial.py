"""A trial of the engine: some frames, each after the answer to the one before, whose sound nobody hears."""

import asyncio
from math import ceil
from statistics import median

from moshi_speaker.engine.interface import AnsweredFrame, Engine, realtime_factor
from moshi_speaker.engine.pace import sample_frames
from moshi_speaker.errors import BadCommand
from moshi_speaker.events import Json

FIRST_SESSION = 2**31
"""Sessions of trials are numbered from here on; no speaker will ever have had so many talks."""
WARM_UP_FRAMES = 3
"""Frames that are not counted: while the model's delays fill, a frame takes less."""
ANSWER_S = 10.0
"""Seconds for one answer; nobody else watches an engine while there is no talk."""
SAMPLE_FRAMES = 25
"""Different frames; then they come again."""


class Trial:
    """One trial, which begins at once. Used from the event loop only."""

    def __init__(self, engine: Engine, session: int, frames: int) -> None:
        """``frames`` are counted; ``session`` is a number that the engine has not had."""
        self.session = session
        self._engine = engine
        self._sounds = sample_frames(SAMPLE_FRAMES)
        self._left = WARM_UP_FRAMES + frames
        self._times_ms: list[float] = []
        self._done: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
        self._limit: asyncio.TimerHandle | None = None
        self._engine.begin(session)
        self._feed()

    @property
    def over(self) -> bool:
        """It came to its end, or was ended."""
        return self._done.done()

    def answered(self, answer: AnsweredFrame) -> None:
        """A frame of it was answered."""
        if self.over:
            return
        self._times_ms.append(answer.latency_ms)
        self._left -= 1
        if self._left:
            self._feed()
        else:
            self._stop_waiting()
            self._engine.end()
            self._done.set_result(self._times_ms[WARM_UP_FRAMES:])

    def abort(self, why: str) -> None:
        """End it because something else is more important; what the engine has in hand is its last frame."""
        self._stop_waiting()
        if not self.over:
            self._done.set_exception(BadCommand(why, remedy="try again later"))

    async def result(self) -> Json:
        """Wait for the end: what to tell. Raises BadCommand when it was aborted."""
        times_ms = sorted(await self._done)
        frame_ms = median(times_ms)
        return {
            "frames": len(times_ms),
            "frame_ms": {
                "median": round(frame_ms, 2),
                "p95": round(times_ms[ceil(0.95 * len(times_ms)) - 1], 2),
            },
            "rtf": round(realtime_factor(frame_ms), 3),
            "frames_per_s": round(1_000.0 / frame_ms, 2) if frame_ms else None,
        }

    def _feed(self) -> None:
        self._stop_waiting()
        self._limit = asyncio.get_running_loop().call_later(ANSWER_S, self._give_up)
        self._engine.feed(self._sounds[self._left % SAMPLE_FRAMES])

    def _give_up(self) -> None:
        self._engine.end()
        self.abort(f"the engine has not answered for {ANSWER_S:g} s")

    def _stop_waiting(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
