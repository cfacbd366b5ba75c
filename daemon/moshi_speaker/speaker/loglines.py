"""Lines of the log for the house: only the graver ones, short, and few.

What people say is logged at debug only, and this handler knows no level so low.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from moshi_speaker.events import ReportLogLine

MAX_CHARACTERS = 500
"""Longest line; the rest of it is in the log itself."""
MAX_LINES = 20
"""Lines within ``WINDOW_S``; of further ones only the number is told."""
WINDOW_S = 60.0

Level = Literal["error", "warning", "info"]
_NUMBERS: dict[Level, int] = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}


class LogLines(logging.Handler):
    """Hands each line to the event loop, and never waits: whoever logs may hold any lock."""

    def __init__(
        self, level: Level, publish: Callable[[ReportLogLine], None], clock: Callable[[], float]
    ) -> None:
        """``publish`` is called in the event loop, which must be running, and must log nothing."""
        super().__init__(_NUMBERS[level])
        self._publish = publish
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._ends_at = float("-inf")
        self._left = 0
        self._more = 0
        self._gravest = logging.INFO

    def emit(self, record: logging.LogRecord) -> None:
        """Called from any thread, one at a time."""
        if record.levelno < logging.INFO:
            return
        now = self._clock()
        if now >= self._ends_at:
            self._ends_at, self._left = now + WINDOW_S, MAX_LINES
        if not self._left:
            self._more += 1
            self._gravest = max(self._gravest, record.levelno)
            if self._more == 1:
                self._hand_over(self._sum_up_at, self._ends_at)
            return
        self._left -= 1
        self._hand_over(self._publish, ReportLogLine(_name(record.levelno), _line(record), now))

    def close(self) -> None:
        """Sum nothing up any more; called in the event loop, once it is no handler of any logger."""
        if self._timer is not None:
            self._timer.cancel()
        super().close()

    def _hand_over(self, function: Callable[..., None], argument: object) -> None:
        with suppress(RuntimeError):  # at the very end the loop may be closed already
            self._loop.call_soon_threadsafe(function, argument)

    def _sum_up_at(self, at: float) -> None:
        self._timer = self._loop.call_later(at - self._clock(), self._sum_up)

    def _sum_up(self) -> None:
        self.acquire()
        try:
            more, gravest = self._more, self._gravest
            self._more, self._gravest = 0, logging.INFO
        finally:
            self.release()
        self._publish(ReportLogLine(_name(gravest), f"{more} more lines", self._clock()))


def _name(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    return "warning" if number >= logging.WARNING else "info"


def _line(record: logging.LogRecord) -> str:
    """One line without anything that a screen might obey."""
    try:
        text = record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit; the log itself complains
        text = str(record.msg)
    if record.exc_info and record.exc_info[0] is not None:
        text += f" ({record.exc_info[0].__name__})"
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"
