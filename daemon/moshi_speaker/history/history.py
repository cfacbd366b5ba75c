"""The history: what happened is kept, waits for the broker, and can be looked up.

Whatever happens to the disk, whoever records goes on at once, and whoever sends finds what there is to send.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from moshi_speaker.events import Side
from moshi_speaker.events.backlog import WaitingEvent
from moshi_speaker.history import file, reading
from moshi_speaker.history.buffer import Buffer
from moshi_speaker.history.happening import Happening
from moshi_speaker.history.reader import Reader
from moshi_speaker.history.reading import Conversation, Counts
from moshi_speaker.history.writer import Writer
from moshi_speaker.settings import HistorySettings

MAX_IN_MEMORY = 10_000
"""What is not in the file, at most: a day of much talk. Beyond it the oldest is dropped and counted."""
DAY_S = 86_400.0
MEGABYTE = 1_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HistoryFigures:
    """How much there is."""

    bytes: int
    """Of the file; 0 if there is none."""
    conversations: int
    utterances: int
    waiting: int
    """Events that the broker has not got."""
    dropped: int
    """Events that were given up since the start, because too many waited."""


class History:
    """The record of this speaker, and the ``Backlog`` of its link. Called from any thread; never raises."""

    def __init__(
        self,
        folder: Path | None,
        settings: HistorySettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Without a ``folder``, or with the history off, no file is made, nor opened: all is in memory.

        ``clock`` gives seconds, ``wall`` seconds since 1970.
        """
        self._settings = settings
        self._clock = clock
        self._wall = wall
        self._news: Callable[[], None] = _nobody
        self._path = None if folder is None else folder / file.NAME
        off = self._path is None or settings.keep_days == "off"
        self._buffer = Buffer(MAX_IN_MEMORY, lasting=not off)
        self._reader: Reader | None = None
        self._writer: Writer | None = None

    def start(self, news: Callable[[], None], problem: Callable[[str], None]) -> None:
        """Open the file, in a thread of its own; returns at once.

        ``news`` is called when there is something new for the broker, ``problem`` with one line when the file
        does not work, and with an empty one when it does again; both from any thread.
        """
        self._news = news
        keep_days = self._settings.keep_days
        if self._path is None:
            return
        if keep_days == "off":
            _tell_of_leftovers(self._path)
            return
        self._reader = Reader(self._path, self._doubt)
        self._writer = Writer(
            self._path,
            self._buffer,
            self._reader,
            keep_s=keep_days * DAY_S,
            max_bytes=self._settings.max_megabytes * MEGABYTE,
            news=news,
            problem=problem,
            clock=self._clock,
            wall=self._wall,
        )
        self._writer.start()

    def record(self, happening: Happening) -> None:
        """Keep it; what is for the broker may be sent as soon as it is kept. Returns at once."""
        if self._buffer.put(happening):
            self._news()

    def settle(self, timeout: float) -> bool:
        """Wait, at most so many seconds, until all that was recorded may be sent; whether it came to that."""
        return self._writer is None or self._buffer.settle(timeout)

    def close(self, timeout: float) -> None:
        """Write what waits and let go of the file, or give up after so many seconds. May be called twice."""
        until = time.monotonic() + timeout
        self._buffer.close()
        if self._reader is not None:
            self._reader.close(timeout)
        if self._writer is None:
            return
        self._writer.join(max(0.0, until - time.monotonic()))
        if len(self._buffer):
            log.warning("the history could not be written to the end: %d events are lost", len(self._buffer))

    # --- The backlog of the link ---

    def after(self, number: int, limit: int) -> Sequence[WaitingEvent]:
        """At most ``limit`` of those that wait with a higher number, the oldest first."""
        # The buffer first: what goes from there into the file meanwhile is then found twice, and not never.
        waiting = {event.number: event for event in self._buffer.after(number, limit)}
        for event in self._stored(number, limit):
            waiting.setdefault(event.number, event)
        return [waiting[number] for number in sorted(waiting)][:limit]

    def confirm(self, number: int) -> None:
        """The broker has it: it need not be kept for it any more. Returns at once."""
        self._buffer.confirm(number)

    @property
    def dropped(self) -> int:
        """Events that were given up since the start, because too many waited."""
        return self._buffer.dropped + (self._writer.dropped if self._writer else 0)

    def _stored(self, number: int, limit: int) -> Sequence[WaitingEvent]:
        """Those in the file, less what the broker has and the writer has not got to."""
        if self._reader is None:
            return ()
        found: list[WaitingEvent] = []
        while len(found) < limit:
            wanted = limit - len(found)
            query = partial(reading.waiting, after=number, limit=wanted)
            rows: list[WaitingEvent] = self._reader.read(query, [])
            found += [event for event in rows if not self._buffer.sent(event.number)]
            if len(rows) < wanted:
                break
            number = rows[-1].number
        return found

    # --- To be looked up; these read the file, so not in the event loop ---

    def conversations(self, limit: int, sides: Sequence[Side] = tuple(Side)) -> list[Conversation]:
        """The latest, the newest first, with the words of these sides; none where nothing is kept."""
        if self._reader is None:
            return []
        return self._reader.read(lambda file: reading.conversations(file, limit, sides), [])

    def figures(self) -> HistoryFigures:
        """How much there is."""
        counts = self._counts()
        size = file.size(self._path) if self._path is not None and self._writer is not None else 0
        return HistoryFigures(size, counts.conversations, counts.utterances, counts.waiting, self.dropped)

    def _counts(self) -> Counts:
        nothing = Counts(0, 0, 0)
        counts = nothing if self._reader is None else self._reader.read(reading.counts, nothing)
        stored = max(0, counts.waiting - len(self._buffer.confirmed))
        return Counts(counts.conversations, counts.utterances, stored + self._buffer.waiting)

    def _doubt(self) -> None:
        if self._writer is not None:
            self._writer.doubt()


def _tell_of_leftovers(path: Path) -> None:
    if path.exists() or file.asides(path):
        log.warning(
            "%s: the history is off, but what was kept before is still there; "
            "delete it: moshi-speaker history delete --all",
            path,
        )


def _nobody() -> None:
    """Whom news are told before the start."""
