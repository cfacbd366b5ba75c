"""What the link says in the log: each thing once, and no flood."""

import threading
from collections.abc import Callable

QUIET_S = 10.0
"""Seconds after a line about something that comes in floods in which more of it is only counted."""


class Teller:
    """Used from any thread."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        """``say`` takes a line; ``clock`` gives seconds."""
        self.say = say
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[str, str] = {}
        self._floods: dict[str, tuple[float, int]] = {}

    def tell(self, subject: str, line: str, kind: str | None = None) -> None:
        """Say it unless it (or its kind) was the last one about this subject."""
        kind = kind or line
        with self._lock:
            known = self._told.get(subject) == kind
            self._told[subject] = kind
        if not known:
            self.say(line)

    def forget(self, subject: str) -> None:
        """The next line about it is news again."""
        with self._lock:
            self._told.pop(subject, None)

    def tell_some(self, subject: str, line: str) -> None:
        """Say it, but of a flood only the first, and later how many more there were."""
        now = self._clock()
        with self._lock:
            quiet_until, more = self._floods.get(subject, (now, 0))
            silent = now < quiet_until
            self._floods[subject] = (quiet_until, more + 1) if silent else (now + QUIET_S, 0)
        if not silent:
            self.say(f"{line} (and {more} more {subject} before)" if more else line)
