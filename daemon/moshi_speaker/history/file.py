"""The history's file: where it is, and how it is opened."""

import errno
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from moshi_speaker.errors import SpeakerError
from moshi_speaker.history import schema

NAME = "history.sqlite3"
"""In the folder of the speaker's state."""
SUFFIXES = ("", "-wal", "-shm")
"""What SQLite puts beside a file while it is in use; also the names' order when they are moved."""
ASIDE = ".corrupt-"
"""Between the name and the date of a damaged file that was moved aside."""
BUSY_S = 2.0
"""Seconds to wait for another program's lock."""
PAGE_BYTES = 4096

_DURABLE = ("synchronous = NORMAL", "checkpoint_fullfsync = ON")
"""On macOS a plain fsync leaves it in the drive's cache."""


class NewerHistory(SpeakerError):
    """The file was written by a later version of this program."""


def newer(path: Path) -> NewerHistory:
    """The error for such a file."""
    return NewerHistory(
        "this history was written by a newer moshi-speaker",
        where=str(path),
        remedy="install that one again, or move the file away",
    )


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open the file, made or migrated if need be. Raises NewerHistory, sqlite3.Error, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _refuse_no_file(path)
    _refuse_newer(path)
    make_private(path)
    connection = _connect(path)
    try:
        if schema.version(connection) > schema.VERSION:
            raise newer(path)
        _arrange(connection)
        schema.migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_flush(path: Path) -> sqlite3.Connection:
    """Open a file that the writer has open, for checkpoints alone. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    for pragma in _DURABLE:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a file that is there; used from any thread, one at a time. Raises NewerHistory, sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        if schema.version(connection) > schema.VERSION:
            raise newer(path)
    except BaseException:
        connection.close()
        raise
    return connection


def asides(path: Path) -> list[Path]:
    """Damaged files that were moved aside, and what SQLite had put beside them; the oldest first."""
    return sorted(path.parent.glob(f"{path.name}{ASIDE}*"))


def damaged(path: Path) -> list[Path]:
    """Those of ``asides`` that are the damaged files themselves."""
    return [aside for aside in asides(path) if not aside.name.endswith(SUFFIXES[1:])]


def identity(path: Path) -> tuple[int, int] | None:
    """What file it is, whatever it is called; None if there is none. Raises OSError."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def size(path: Path) -> int:
    """Bytes that the file and its companions take."""
    total = 0
    for suffix in SUFFIXES[:2]:
        try:
            total += Path(f"{path}{suffix}").stat().st_size
        except OSError:
            continue
    return total


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)


def _arrange(connection: sqlite3.Connection) -> None:
    """How it is written.

    ``synchronous = NORMAL`` in WAL mode: a commit is handed to the operating system, which keeps it whatever
    becomes of this process, also after kill -9. The disk itself is waited for only at checkpoints, and the
    flusher makes one some seconds after a commit (``flusher.DURABLE_S``): so a power cut loses what happened
    in these seconds at most, and never what was there before. ``FULL`` would wait for the disk at each
    commit, and so hold each event back from the broker; on an SD card that is up to half a second after a
    wake word.
    ``secure_delete`` overwrites what is deleted. ``auto_vacuum`` gives freed space back to the disk.
    """
    for pragma in (
        f"page_size = {PAGE_BYTES}",
        "auto_vacuum = INCREMENTAL",  # of effect in an empty file only, so before all else
        "journal_mode = WAL",
        *_DURABLE,
        "secure_delete = ON",
        "wal_autocheckpoint = 8000",  # only if the flusher does not get to it: here it would hold up a commit
        "journal_size_limit = 4194304",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _refuse_no_file(path: Path) -> None:
    """A folder is not ours to lock up, and in a FIFO SQLite would wait for ever. Raises OSError."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "this is no file")


def _refuse_newer(path: Path) -> None:
    """Before SQLite opens it in earnest, since then it may already write into it.

    Not by a look at the plain file: to close that again would undo the locks of all connections that this
    process has to it, and another one, believing itself alone, would take our journal away.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            found = schema.version(connection)
    except sqlite3.Error:  # it is not there yet, or whoever opens it in earnest says what is wrong
        return
    if found > schema.VERSION:
        raise newer(path)


def make_private(path: Path) -> None:
    """Make it, if need be, and let nobody else read it; what SQLite puts beside it follows."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
