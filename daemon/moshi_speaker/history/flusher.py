"""Brings what was committed onto the disk itself, in a thread of its own: that may take the disk seconds."""

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from moshi_speaker.history.file import open_to_flush
from moshi_speaker.history.store import checkpoint

DURABLE_S = 5.0
"""Seconds after a commit until it is brought there: what a power cut can cost."""


class Flusher:
    """Called by the writer; nothing of it raises. What goes wrong here goes wrong for the writer, too."""

    def __init__(self, path: Path) -> None:
        """The file need not be there yet."""
        self._path = path
        self._changed = threading.Condition()
        self._wanted = False
        self._closing = False
        self._using = threading.Lock()
        self._allowed = False
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._run, name="history-flush", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def soon(self) -> None:
        """Something was committed. Returns at once."""
        with self._changed:
            self._wanted = True
            self._changed.notify()

    def allow(self) -> None:
        """The file is there, and in order."""
        with self._using:
            self._allowed = True

    def forbid(self) -> None:
        """Let go of the file, after what is just being brought to the disk."""
        with self._using:
            self._allowed = False
            self._let_go()

    def close(self) -> None:
        """Let go of the file, for good."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._let_go()

    def _run(self) -> None:
        while self._due():
            with self._using:
                if self._allowed:
                    self._flush()

    def _due(self) -> bool:
        """Wait until it is time; False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._closing)
            self._changed.wait_for(lambda: self._closing, DURABLE_S)
            self._wanted = False
            return not self._closing

    def _flush(self) -> None:
        try:
            self._connection = self._connection or open_to_flush(self._path)
            checkpoint(self._connection)
        except sqlite3.Error:
            self._let_go()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
