"""The one thread that writes the file: what happened, what the broker has, and what is too old.

Nobody waits for it. What comes while it writes goes into its next commit. When the file does not work it says
so, lets what happened go on from the buffer, and tries again: then all of that goes into the file, in order.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from moshi_speaker.errors import SpeakerError, mistake
from moshi_speaker.history import file, retention, store, trouble
from moshi_speaker.history.buffer import Buffer
from moshi_speaker.history.file import open_to_write
from moshi_speaker.history.flusher import Flusher
from moshi_speaker.history.reader import Reader
from moshi_speaker.history.salvage import finish, salvage
from moshi_speaker.history.trouble import Trouble

BATCH = 500
"""Entries of one commit."""
MAX_OUTBOX = 100_000
"""Rows that may wait for the broker; beyond it the oldest is given up and counted."""
CONFIRM_S = 0.5
"""Seconds in which what the broker has is gathered for one commit; after a kill it would get it once more."""
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
FIRST_TIDY_S = 600.0
"""Seconds until it is first looked for what is too old: a machine that starts may not know the date yet."""
DAY_S = 86_400.0
MAX_ASIDES = 5
"""Damaged files that may lie about; a disk that makes more of them is no place for a history."""

_NEVER = float("inf")
_DONE = object()


class Writer:
    """Made by the history; all but ``start`` and ``join`` happens in its thread."""

    def __init__(
        self,
        path: Path,
        buffer: Buffer,
        reader: Reader,
        *,
        keep_s: float,
        max_bytes: int,
        news: Callable[[], None],
        problem: Callable[[str], None],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        """``news``: there is something to send. ``problem``: a line, or the empty string when it is over.

        What is older than ``keep_s`` goes, and the oldest when the file has more than ``max_bytes``.
        ``clock`` gives seconds, ``wall`` seconds since 1970.
        """
        self._path = path
        self._buffer = buffer
        self._reader = reader
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._news = news
        self._problem = problem
        self._clock = clock
        self._wall = wall
        self._flusher = Flusher(path)
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        """Of the file that is open."""
        self._numbered = False
        self._rows = 0
        """At most so many are in the outbox."""
        self.dropped = 0
        """Of them, those that were given up."""
        self._told = ""
        self._retry_s = FIRST_RETRY_S
        self._retry_at = 0.0
        self._confirm_at = _NEVER
        self._tidy_at = 0.0
        self._tidying: Iterator[None] | None = None
        self._doubted = False
        self._failing = False
        self._damage = ""
        self._damage_until = _NEVER
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._retry_at = self._clock()
        self._tidy_at = self._retry_at + FIRST_TIDY_S
        self._flusher.start()
        self._thread.start()

    def doubt(self) -> None:
        """A reader found the file damaged."""
        self._doubted = True
        self._buffer.stir()

    def join(self, timeout: float) -> None:
        """Wait for the end, once the buffer is closed."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._buffer.closing:
            self._turn()
            self._buffer.wait(self._pause_s())
        if self._retry_at < _NEVER:  # else it was given up, and stays as it is
            self._retry_at = self._confirm_at = self._clock()
            self._turn()
        self._flusher.close()
        self._let_go()

    def _pause_s(self) -> float:
        """Until the next thing is due; a longest wait, because threads cannot wait for ever."""
        if self._failing or self._connection is None:
            due = self._retry_at
        elif self._tidying is not None or len(self._buffer):
            return 0.0
        else:
            if self._confirm_at == _NEVER and self._buffer.confirmed:
                self._confirm_at = self._clock() + CONFIRM_S
            due = min(self._confirm_at, self._tidy_at, self._damage_until)
        return min(max(0.0, due - self._clock()), DAY_S)

    def _turn(self) -> None:
        """Do what is due."""
        now = self._clock()
        if (self._failing or self._connection is None) and now < self._retry_at:
            return
        try:
            if self._doubted:
                self._doubted = False
                self._failed(Trouble(str(self._path), "", damaged=True))
            if self._connection is not None and (found := file.identity(self._path)) != self._identity:
                self._lost(another=found is not None)
            connection = self._connection or (self._open() if self._retry_at < _NEVER else None)
            if connection is not None:
                self._write(connection)
                self._maintain(connection)
        except (sqlite3.Error, OSError) as error:
            self._failed(trouble.of(error, self._path))
        except Exception as error:  # noqa: BLE001 - the last boundary of this thread: nothing may wait for ever
            self._give_up(f"{mistake(error)}; until the next start what happens is kept in memory alone")

    def _write(self, connection: sqlite3.Connection) -> None:
        """Everything that waits to be written; if that was not possible before, it is now."""
        if self._failing and not len(self._buffer):
            store.probe(connection)
        while self._write_some(connection):
            pass
        if self._failing:
            self._failing = False
            self._buffer.shut()
            self._retry_s = FIRST_RETRY_S
            self._say(self._damage)

    def _write_some(self, connection: sqlite3.Connection) -> bool:
        """One commit; whether there may be more."""
        entries = self._buffer.batch(BATCH)
        confirmed = self._buffer.confirmed if entries or self._clock() >= self._confirm_at else []
        if not entries and not confirmed:
            return False
        to_send = sum(entry.to_send for entry in entries)
        store.keep(connection, entries, confirmed)
        self._buffer.written(entries, confirmed)
        self._confirm_at = _NEVER
        self._flusher.soon()
        self._rows += to_send - len(confirmed)
        if self._rows > MAX_OUTBOX:
            self.dropped += store.bound_outbox(connection, MAX_OUTBOX)
            self._rows = store.outbox_rows(connection)
        if to_send:
            self._news()
        return len(entries) == BATCH

    def _maintain(self, connection: sqlite3.Connection) -> None:
        """What must be done now and then; one step."""
        now = self._clock()
        if now >= self._damage_until:
            self._damage, self._damage_until = "", _NEVER
            self._say("")
        if now >= self._tidy_at:
            self._tidy_at = now + DAY_S
            before = self._wall() - self._keep_s
            retention.remove_asides(self._path, before)
            self._tidying = retention.tidy(connection, before, self._max_bytes)
        if self._tidying is not None:
            self._flusher.soon()
            if next(self._tidying, _DONE) is _DONE:
                self._tidying = None

    # --- The file comes and goes ---

    def _open(self) -> sqlite3.Connection | None:
        finish(self._path)
        try:
            connection = open_to_write(self._path)
        except SpeakerError as error:
            self._give_up(f"{error}; until then what happens is kept in memory alone")
            return None
        try:
            self._take(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._identity = file.identity(self._path)
        self._reader.allow()
        self._flusher.allow()
        self._news()
        return connection

    def _take(self, connection: sqlite3.Connection) -> None:
        """Go on where an earlier life ended."""
        if not self._numbered:
            store.close_open_sessions(connection)
            rise = self._buffer.begin_after(store.last_number(connection))
            if rise:
                store.renumber_outbox(connection, rise)
            self._numbered = True
        self._rows = store.outbox_rows(connection)

    def _let_go(self) -> None:
        self._tidying = None
        self._flusher.forbid()
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                if not connection.in_transaction:
                    store.checkpoint(connection, "TRUNCATE")
            with suppress(sqlite3.Error):
                connection.close()

    def _lost(self, *, another: bool) -> None:
        """Somebody took the file away: what is written into it now would be gone at the end.

        ``Another`` one has numbers of its own: only a start fits it and what is here together.
        """
        self._reader.forbid()
        self._let_go()
        what = f"{self._path}: while the speaker ran this file was"
        if another:
            self._give_up(f"{what} exchanged; what happens is kept in memory alone; start the speaker again")
            return
        self._damage = f"{what} taken away, with all that was in it; a new one was begun"
        self._damage_until = self._clock() + DAY_S
        self._say(self._damage)

    def _mend(self) -> None:
        """The file is damaged: put a new one in its place, with what can be read."""
        self._reader.forbid()
        self._let_go()
        if len(file.damaged(self._path)) >= MAX_ASIDES:
            self._give_up(
                f"{self._path}: damaged again and again; what happens is kept in memory alone; check the disk"
            )
            return
        done = salvage(self._path, datetime.fromtimestamp(self._wall(), UTC).astimezone())
        self._damage = (
            f"{self._path}: this file was damaged; {done.conversations} conversations with {done.utterances} "
            f"utterances could be read and are kept in a new one; the damaged file is {done.aside}"
        )
        self._damage_until = self._clock() + DAY_S
        self._retry_at = self._clock()
        self._say(self._damage)

    # --- When it does not work ---

    def _failed(self, found: Trouble) -> None:
        if found.damaged:
            self._go_on_without(spoken=self._numbered)
            try:
                self._mend()
                return
            except (sqlite3.Error, OSError) as error:
                found = trouble.of(error, self._path)
        elif not found.passing:
            self._let_go()
        self._go_on_without(spoken=True)
        self._say(found.line)
        self._retry_at = self._clock() + self._retry_s
        self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)

    def _go_on_without(self, *, spoken: bool) -> None:
        """From now on what happens goes to the broker from memory."""
        self._tidying = None
        self._failing = True
        if spoken and not self._buffer.is_open:
            self._buffer.open()
            self._news()

    def _give_up(self, line: str) -> None:
        """Until the next start of the process."""
        self._go_on_without(spoken=True)
        self._buffer.forsake()
        self._retry_at = _NEVER
        self._say(line)

    def _say(self, line: str) -> None:
        if line != self._told:
            self._told = line
            self._problem(line)
