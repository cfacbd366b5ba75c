"""What can still be read of a damaged file goes into a new one; the damaged one is moved aside.

Rows are read by ranges of their numbers. A range that cannot be read is halved, down to single rows, so
that a bad page costs the rows on it alone. If the first page is bad, nothing at all can be read: then it is
replaced by that of a new file, in a copy. That works because our files have their tables on the same pages,
always: they are all made by the same script, and no table is ever dropped.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from moshi_speaker.history import file, schema
from moshi_speaker.history.store import transaction

RANGE = 512
"""Rows that are read at once where nothing is wrong."""
MAX_FAILURES = 100_000
"""Ranges that may fail in one table; where more do, nothing more of it is left to read."""
MAX_VAIN_FAILURES = 20_000
"""The same as long as not one row could be read; a bad inner page of a large table costs 12 000."""
MAX_NUMBER = 20_000_000
"""No speaker lives to see so many events; where none can be found out, all numbers below it are tried."""
LOST = "lost"
"""Reason of a conversation of which only words were found."""

_TABLES = {
    "sessions": "number, id, trigger, started, ended, reason, duration_s, turns",
    "utterances": "number, session, side, text, at",
    "events": "number, event_id, kind, session, payload, at",
    "outbox": "number, topic, payload, retain, happened_at, session",
}
_PAGES_AT = slice(28, 32)
_FREE_AT = slice(32, 40)


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What came of it."""

    aside: Path
    """Where the damaged file is now."""
    conversations: int
    """How many were saved."""
    utterances: int


def salvage(path: Path, now: datetime) -> Salvaged:
    """Put a new file in the place of a damaged one that nobody has open. Raises sqlite3.Error, OSError.

    A kill in the midst of it loses nothing: the new file is whole before the old one is moved.
    """
    draft = _beside(path, ".new")
    _remove(draft)
    with closing(file.open_to_write(draft)) as new:
        _fill(new, path)
        rows = [new.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in list(_TABLES)[:2]]
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    aside = _free(path.with_name(f"{path.name}{file.ASIDE}{now:%Y-%m-%dT%H%M%S}"))
    # The file itself last: what SQLite finds beside a file it takes for a part of it.
    for suffix in reversed(file.SUFFIXES):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    os.utime(aside, (now.timestamp(), now.timestamp()))  # from now on it is kept as long as all else
    draft.rename(path)
    return Salvaged(aside, *rows)


def finish(path: Path) -> None:
    """After a kill between the last two steps the new file is there, but has not its name. Raises OSError."""
    draft = _beside(path, ".new")
    if not path.exists() and draft.exists() and file.asides(path):
        draft.rename(path)
    _remove(draft)


def _fill(new: sqlite3.Connection, path: Path) -> None:
    copied = _copy_rows(new, path)
    if not copied:
        graft = _beside(path, ".graft")
        try:
            if _graft(path, new, graft):
                _copy_rows(new, graft)
        finally:
            _remove(graft)
    with transaction(new):
        new.execute(
            "INSERT INTO sessions (number, id, trigger, started, ended, reason, turns)"
            " SELECT min(number), session, '', min(at), max(at), ?, count(*) FROM utterances"
            " WHERE session NOT IN (SELECT id FROM sessions) GROUP BY session",
            (LOST,),
        )


def _copy_rows(new: sqlite3.Connection, path: Path) -> int:
    """From every table; how many there were."""
    try:
        old = sqlite3.connect(path, timeout=file.BUSY_S, isolation_level=None)
    except sqlite3.Error:
        return 0
    with closing(old):
        if not _has_tables(old):
            return 0
        old.text_factory = lambda text: text.decode("utf-8", "replace")
        highest = _highest(old)
        copied = 0
        for table, columns in _TABLES.items():
            for rows in _readable(old, table, columns, highest):
                copied += _insert(new, table, columns, rows)
        return copied


def _has_tables(old: sqlite3.Connection) -> bool:
    try:
        return bool(old.execute("SELECT name FROM sqlite_master").fetchone())
    except sqlite3.Error:
        return False


def _highest(old: sqlite3.Connection) -> int:
    """The highest number of all tables."""
    found = []
    for table in _TABLES:
        with suppress(sqlite3.Error):
            found.append(old.execute(f"SELECT ifnull(max(number), 0) FROM {table}").fetchone()[0])
    credible = [number for number in found if isinstance(number, int) and number < MAX_NUMBER]
    return max(credible, default=MAX_NUMBER)


def _readable(
    old: sqlite3.Connection, table: str, columns: str, highest: int
) -> Iterator[list[tuple[Any, ...]]]:
    failures, limit = 0, MAX_VAIN_FAILURES
    ranges = [(low, low + RANGE) for low in range(0, highest + 1, RANGE)][::-1]  # the last is the next
    while ranges and failures < limit:
        low, high = ranges.pop()
        try:
            rows = old.execute(
                f"SELECT {columns} FROM {table} WHERE number >= ? AND number < ? ORDER BY number", (low, high)
            ).fetchall()
        except sqlite3.Error:
            failures += 1
            if high - low > 1:
                middle = (low + high) // 2
                ranges += [(middle, high), (low, middle)]
            continue
        if rows:
            limit = MAX_FAILURES
            yield rows


def _insert(new: sqlite3.Connection, table: str, columns: str, rows: list[tuple[Any, ...]]) -> int:
    """Those that still make sense; how many."""
    marks = ", ".join("?" for _ in columns.split(","))
    statement = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"
    with transaction(new):
        return new.executemany(statement, [row for row in rows if _sensible(row)]).rowcount


def _sensible(row: tuple[Any, ...]) -> bool:
    """A page that was overwritten may still look like rows, of other types."""
    return isinstance(row[0], int) and isinstance(row[1], str)


def _graft(path: Path, new: sqlite3.Connection, graft: Path) -> bool:
    """A copy of the file with the first page of a new one; False if there are no pages."""
    size = path.stat().st_size
    if size < 2 * file.PAGE_BYTES:
        return False
    new.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    (name,) = (row[2] for row in new.execute("PRAGMA database_list") if row[1] == "main")
    with Path(name).open("rb") as source:
        page = bytearray(source.read(file.PAGE_BYTES))
    page[_PAGES_AT] = (size // file.PAGE_BYTES).to_bytes(4, "big")
    page[_FREE_AT] = bytes(8)
    _remove(graft)
    file.make_private(graft)
    shutil.copyfile(path, graft)
    with suppress(FileNotFoundError):
        shutil.copyfile(f"{path}-wal", f"{graft}-wal")
    with graft.open("r+b") as copy:
        copy.write(page)
    return True


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _remove(path: Path) -> None:
    for suffix in file.SUFFIXES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _free(path: Path) -> Path:
    """A name that nothing has."""
    free, count = path, 1
    while free.exists():
        count += 1
        free = path.with_name(f"{path.name}-{count}")
    return free


assert schema.VERSION == 1, "another layout: teach _TABLES and _graft which one a file has"
