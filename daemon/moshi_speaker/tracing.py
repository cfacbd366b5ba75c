"""A talk as a trace for Perfetto and Chrome: what worked when, on which track. Where no trace is asked for,
none of this exists.

The format is the "Trace Event Format" of Chrome's documentation: complete events (``X``) with a duration,
spans that may overlap (``b``, ``e``), counters (``C``) and names (``M``); times are in microseconds.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from moshi_speaker.errors import UsageError

LIMIT = 200_000
"""Events that are kept, about ten minutes of a talk: beyond it the oldest is dropped, and counted."""

Clock = Callable[[], float]
"""Seconds of a monotonic clock."""


class Track(Enum):
    """A row of the picture: the process it belongs to, and its name. Spans of a track nest."""

    MICROPHONE = ("speaker", "microphone")
    FRONT_END = ("speaker", "front end")
    MIXER = ("speaker", "mixer")
    LOUDSPEAKER = ("speaker", "loudspeaker")
    QUEUE = ("engine", "queue")
    MODEL = ("engine", "model")


_PROCESSES = ("speaker", "engine")
_REMEDY = "name another file with --trace"


class Tracer:
    """Keeps events, from any thread, until they are written."""

    def __init__(self, clock: Clock, limit: int = LIMIT) -> None:
        """``clock`` is that of all times given."""
        self.clock = clock
        # Appending to a deque is atomic, and with a length it drops the oldest by itself.
        self._events: deque[tuple[float, float, dict[str, Any]]] = deque(maxlen=limit)
        self._ends = dict.fromkeys(Track, float("-inf"))
        self._added = 0

    @property
    def dropped(self) -> int:
        """Events pushed out by later ones."""
        return self._added - len(self._events)

    def span(self, track: Track, name: str, begin: float, end: float, **details: float | str) -> None:
        """Something lasted from ``begin`` to ``end``, in seconds."""
        event = {"ph": "X", "name": name, "dur": _microseconds(end) - _microseconds(begin)}
        self._add(begin, end, event | _place(track) | ({"args": details} if details else {}))

    def following(self, track: Track, name: str, begin: float, end: float, **details: float | str) -> None:
        """As ``span``, for what comes one after the other: it begins no earlier than the last one ended."""
        begin = max(begin, self._ends[track])
        self._ends[track] = end = max(begin, end)
        self.span(track, name, begin, end, **details)

    def overlapping(
        self, track: Track, name: str, begin: float, end: float, number: int, **details: float | str
    ) -> None:
        """As ``span``, for what may overlap with others of the track, told apart by ``number``."""
        event = {"cat": name, "name": name, "id": number} | _place(track)
        self._add(begin, end, event | {"ph": "b"} | ({"args": details} if details else {}))
        self._add(end, end, event | {"ph": "e"})

    def counter(self, track: Track, name: str, at: float, value: float) -> None:
        """A quantity has a value from ``at`` on, in seconds."""
        event = {"ph": "C", "name": name, "args": {name: value}}
        self._add(at, at, event | _place(track))

    def document(self) -> dict[str, Any]:
        """What is to be written: events in the order of their times, outer before inner ones."""
        events = sorted(self._events.copy(), key=lambda event: (event[0], -event[1]))
        return {
            "displayTimeUnit": "ms",
            "otherData": {"dropped events": self.dropped},
            "traceEvents": [*_names(), *(event for _, _, event in events)],
        }

    def write(self, path: Path) -> None:
        """Write everything so far, in place of an earlier trace and of nothing else. Raises UsageError."""
        try:
            if not _may_go(path):
                raise UsageError("this is no trace, and would be lost", where=str(path), remedy=_REMEDY)
            path.write_text(json.dumps(self.document()) + "\n", encoding="utf-8")
        except OSError as error:
            what = f"the trace cannot be written: {error.strerror}"
            raise UsageError(what, where=str(path), remedy=_REMEDY) from error

    def _add(self, begin: float, end: float, event: dict[str, Any]) -> None:
        self._added += 1
        self._events.append((begin, end, event | {"ts": _microseconds(begin)}))


@contextmanager
def written(path: Path, clock: Clock) -> Iterator[Tracer]:
    """A tracer whose events are in a file when the block ends, in whichever way.

    Raises UsageError before the block when the file cannot be written; what it held is lost.
    """
    tracer = Tracer(clock)
    tracer.write(path)
    try:
        yield tracer
    finally:
        tracer.write(path)


def _may_go(path: Path) -> bool:
    """Whether nothing but a trace, or another JSON object, would be lost there."""
    if not path.is_file():
        return True
    with path.open("rb") as file:
        return file.read(1) in (b"", b"{")


def _place(track: Track) -> dict[str, int]:
    process, _ = track.value
    return {"pid": _PROCESSES.index(process) + 1, "tid": list(Track).index(track) + 1}


def _names() -> Iterator[dict[str, Any]]:
    for number, process in enumerate(_PROCESSES):
        yield {"ph": "M", "name": "process_name", "pid": number + 1, "args": {"name": process}}
    for track in Track:
        yield {"ph": "M", "name": "thread_name", "args": {"name": track.value[1]}} | _place(track)


def _microseconds(seconds: float) -> int:
    return round(1e6 * seconds)
