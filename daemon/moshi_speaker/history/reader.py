"""The file, read by whichever thread asks; it never raises, and never waits for what is being written."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from moshi_speaker.errors import SpeakerError
from moshi_speaker.history import trouble
from moshi_speaker.history.file import open_to_read

T = TypeVar("T")


class Reader:
    """One connection, used by one thread at a time."""

    def __init__(self, path: Path, doubt: Callable[[], None]) -> None:
        """``doubt`` is told when the file turns out to be damaged."""
        self._path = path
        self._doubt = doubt
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._allowed = False

    def allow(self) -> None:
        """The file is there, and in order."""
        with self._lock:
            self._allowed = True

    def forbid(self) -> None:
        """Let go of the file: something is to be done with it."""
        with self._lock:
            self._allowed = False
            self._let_go()

    def close(self, timeout: float) -> None:
        """Let go of the file, unless a disk that hangs keeps it for more than so many seconds."""
        if self._lock.acquire(timeout=timeout):
            self._allowed = False
            self._let_go()
            self._lock.release()

    def read(self, query: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        """What the query finds; ``nothing`` if the file cannot be read now."""
        with self._lock:
            if not self._allowed:
                return nothing
            try:
                if self._connection is None:
                    self._connection = open_to_read(self._path)
                return query(self._connection)
            except (sqlite3.Error, OSError, SpeakerError) as error:
                self._let_go()
                if isinstance(error, SpeakerError) or not trouble.of(error, self._path).damaged:
                    return nothing
                self._allowed = False
        self._doubt()
        return nothing

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
