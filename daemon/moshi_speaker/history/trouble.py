"""What is wrong with the file, in one line for its owner; never with a word of what is in it."""

import errno
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

_GOES_ON = "talk goes on, and what happens is kept in memory until it works again"
_SPARE_BYTES = 1_000_000
"""Less free space than that is the likely reason of any failure to write."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the file does not work, and what can be done."""

    where: str
    what: str
    remedy: str = ""
    damaged: bool = False
    """It is no (whole) SQLite file: what can be read must go into a new one."""
    passing: bool = False
    """The open file is in order; it may work again as it is."""

    @property
    def line(self) -> str:
        """For the owner of a speaker that runs."""
        return "; ".join(part for part in (f"{self.where}: {self.what}", _GOES_ON, self.remedy) if part)


def of(error: Exception, path: Path) -> Trouble:
    """The trouble that an error of SQLite, or of the system, means."""
    where = str(path)
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return _full(where) if full else _unusable(where, error.strerror or type(error).__name__)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Trouble(where, "this file is damaged", damaged=True)
    if code == sqlite3.SQLITE_FULL:
        return _full(where)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Trouble(where, "another program has locked this file", "end that program", passing=True)
    if code == sqlite3.SQLITE_READONLY:
        return _unusable(where, "read-only")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _little_space(path):
        return _full(where)
    return _unusable(where, getattr(error, "sqlite_errorname", type(error).__name__))


def _full(where: str) -> Trouble:
    return Trouble(where, "the disk is full", "free some space", passing=True)


def _unusable(where: str, why: str) -> Trouble:
    remedy = "check the disk and its rights, or set another speaker.state_dir"
    return Trouble(where, f"cannot be written ({why})", remedy)


def _little_space(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _SPARE_BYTES
    except OSError:
        return False
