"""What has happened and is not in the file: because it is not written yet, or cannot be.

In order there is no more here than one commit holds. When the file does not work, or there is none, all goes
on from here: then it is *open*, and what is in it may be sent to the broker.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from moshi_speaker.events.backlog import WaitingEvent
from moshi_speaker.history.happening import Happening


@dataclass(slots=True)
class Entry:
    """Something that happened, in its place in the order."""

    number: int
    """Where it stands in what the broker gets."""
    row: int
    """Where it stands in the history: elsewhere only if it was given away before the file could be read."""
    happening: Happening
    to_send: bool
    """The broker has not got it, and shall."""


class Buffer:
    """In order of their numbers, bounded: beyond it the oldest goes, and is counted. From any thread."""

    def __init__(self, max_entries: int, *, lasting: bool) -> None:
        """``lasting``: a file takes them, sooner or later; else they are here only to be sent."""
        self._max_entries = max_entries
        self._lasting = lasting
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._confirmed: set[int] = set()
        self._last = 0
        self._given = 0
        """The highest number that was given away to be sent from here."""
        self._open = not lasting
        self._stirred = False
        self._changed = threading.Condition()
        self.closing = False
        self.dropped = 0
        """Entries that were given up because there were too many."""

    def put(self, happening: Happening) -> bool:
        """Take it; whether there is something to send at once."""
        with self._changed:
            to_send = happening.topic is not None
            if not (self._lasting or to_send):
                return False
            self._last += 1
            self._entries[self._last] = Entry(self._last, self._last, happening, to_send)
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)
                self.dropped += 1
            if not self._open:
                self._stir()
            return self._open and to_send

    def after(self, number: int, limit: int) -> Sequence[WaitingEvent]:
        """Those that may be sent."""
        with self._changed:
            if not self._open:
                return ()
            found = (entry for entry in self._entries.values() if entry.to_send and entry.number > number)
            waiting = [_waiting(entry) for entry in islice(found, limit)]
            self._given = max(self._given, waiting[-1].number if waiting else 0)
            return waiting

    def confirm(self, number: int) -> None:
        """The broker has it."""
        with self._changed:
            if not self._lasting:
                self._entries.pop(number, None)
                return
            if (entry := self._entries.get(number)) is not None:
                entry.to_send = False
            self._confirmed.add(number)
            if len(self._confirmed) == 1:
                self._stir()

    def sent(self, number: int) -> bool:
        """Whether it is known that the broker has it."""
        with self._changed:
            return number in self._confirmed

    @property
    def waiting(self) -> int:
        """How many may be sent from here."""
        with self._changed:
            return sum(entry.to_send for entry in self._entries.values()) if self._open else 0

    @property
    def confirmed(self) -> list[int]:
        """Numbers that the file need not keep for the broker any more."""
        with self._changed:
            return list(self._confirmed)

    @property
    def is_open(self) -> bool:
        """Whether what is here may be sent from here."""
        with self._changed:
            return self._open

    def __len__(self) -> int:
        with self._changed:
            return len(self._entries)

    # --- For whoever writes them into the file ---

    def batch(self, limit: int) -> list[Entry]:
        """The oldest; they stay here until they are ``written``."""
        with self._changed:
            return list(islice(self._entries.values(), limit))

    def written(self, entries: Sequence[Entry], confirmed: Sequence[int]) -> None:
        """They are in the file, and these have gone out of it."""
        with self._changed:
            for entry in entries:
                self._entries.pop(entry.number, None)
            self._confirmed.difference_update(confirmed)
            self._changed.notify_all()

    def begin_after(self, number: int) -> int:
        """Count on from the file's highest number, and be shut; by how much the file's own must rise.

        That is 0 unless numbers were given away while the file could not be read: these stay as they are,
        then comes what waits in the file, then the rest of what is here. In the history all of it comes last.
        """
        with self._changed:
            given = self._given
            for entry in self._entries.values():
                entry.row = entry.number + number
                entry.number = entry.row if entry.number > given else entry.number
            self._entries = OrderedDict((entry.number, entry) for entry in self._entries.values())
            self._last += number
            self._open = False
            return given

    def open(self) -> None:
        """The file does not work: go on from here."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def shut(self) -> None:
        """It works again, and has what was here."""
        with self._changed:
            self._open = False
            self._stir()

    def forsake(self) -> None:
        """There will be no file: from now on it is open, and keeps only what is to be sent."""
        with self._changed:
            self._lasting = False
            self._open = True
            self._entries = OrderedDict((n, entry) for n, entry in self._entries.items() if entry.to_send)
            self._confirmed.clear()
            self._changed.notify_all()

    def wait(self, timeout: float) -> None:
        """Until something is to be done, or for so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._stirred, timeout)
            self._stirred = False

    def stir(self) -> None:
        """Let whoever waits look."""
        with self._changed:
            self._stir()

    def close(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self.closing = True
            self._stir()

    def settle(self, timeout: float) -> bool:
        """Wait until everything may be sent, from here or from the file; whether it came to that."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open or not self._entries, timeout)

    def _stir(self) -> None:
        self._stirred = True
        self._changed.notify_all()


def _waiting(entry: Entry) -> WaitingEvent:
    happening = entry.happening
    assert happening.topic is not None
    return WaitingEvent(entry.number, happening.topic, happening.payload, happening.retain, happening.at)
