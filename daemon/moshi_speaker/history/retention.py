"""What is too old, or too much, goes: in small steps, between which the writer does its work.

What waits for the broker is no part of it: that has a bound of its own. A conversation that goes on stays.
"""

import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from moshi_speaker.history import file
from moshi_speaker.history.store import checkpoint, transaction

SESSIONS_AT_ONCE = 10
EVENTS_AT_ONCE = 500
PAGES_AT_ONCE = 200
"""Of 4 KiB, written by one step of a merge, or given back to the disk."""
ROUND_PART = 0.25
"""Part of the conversations that goes at most before the file is measured again."""
SPARE_PART = 0.9
"""Part of the greatest size that is kept when it is exceeded."""


def tidy(connection: sqlite3.Connection, before: float, max_bytes: int) -> Iterator[None]:
    """Delete what is older than ``before`` (seconds since 1970), and the oldest of what is too much.

    Each step takes some milliseconds. Raises sqlite3.Error at any of them.
    """
    deleted = False
    for done in (_old_sessions(connection, before), _old_events(connection, before)):
        for _ in done:
            deleted = True
            yield
    if _used_bytes(connection) > max_bytes:
        yield from _shrink(connection, SPARE_PART * max_bytes)
        deleted = True
    if deleted:
        yield from forget_words(connection)
    yield from give_back(connection)
    if deleted:
        checkpoint(connection, "TRUNCATE")  # the journal still has what it was told to delete


def remove_asides(path: Path, before: float) -> None:
    """Delete damaged files that were moved aside before then: their words are too old, too."""
    for aside in file.asides(path):
        if aside.stat().st_mtime < before:
            aside.unlink()


def delete_sessions(
    connection: sqlite3.Connection, condition: str, *values: object, unsent: bool = False
) -> int:
    """Those that fit, with all that belongs to them; how many they were. To be called in a transaction.

    ``unsent``: also what the broker has not got of them.
    """
    tables = ("utterances", "events", "outbox") if unsent else ("utterances", "events")
    ids = [row[0] for row in connection.execute(f"SELECT id FROM sessions WHERE {condition}", values)]
    for session in ids:
        for table in tables:
            connection.execute(f"DELETE FROM {table} WHERE session = ?", (session,))
        connection.execute("DELETE FROM sessions WHERE id = ?", (session,))
    return len(ids)


def forget_words(connection: sqlite3.Connection) -> Iterator[None]:
    """Merge the index: until then it only notes that a word was deleted, and the word is still in it."""
    # Negative: of the segments of all ages, however few they are. Then on until nothing is left to do.
    pages = -PAGES_AT_ONCE
    while True:
        before = connection.total_changes
        connection.execute("INSERT INTO words (words, rank) VALUES ('merge', ?)", (pages,))
        yield
        if pages > 0 and connection.total_changes - before < 2:
            return
        pages = PAGES_AT_ONCE


def give_back(connection: sqlite3.Connection) -> Iterator[None]:
    """Give the freed pages back to the disk."""
    free = _pragma(connection, "freelist_count")
    while free:
        connection.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})").fetchall()
        yield
        left = _pragma(connection, "freelist_count")
        if left >= free:
            return
        free = left


def _old_sessions(connection: sqlite3.Connection, before: float) -> Iterator[None]:
    condition = "number IN (SELECT number FROM sessions WHERE started < ? AND ended IS NOT NULL LIMIT ?)"
    while _in_one(connection, condition, before, SESSIONS_AT_ONCE):
        yield


def _old_events(connection: sqlite3.Connection, before: float) -> Iterator[None]:
    """Those outside of conversations."""
    while True:
        with transaction(connection):
            deleted = connection.execute(
                "DELETE FROM events WHERE number IN"
                " (SELECT number FROM events WHERE session IS NULL AND at < ? LIMIT ?)",
                (before, EVENTS_AT_ONCE),
            ).rowcount
        if not deleted:
            return
        yield


def _shrink(connection: sqlite3.Connection, max_bytes: float) -> Iterator[None]:
    """Delete the oldest, some at a time: how much room it makes shows when their words are merged away."""
    while (used := _used_bytes(connection)) > max_bytes:
        (sessions,) = connection.execute("SELECT count(*) FROM sessions WHERE ended IS NOT NULL").fetchone()
        wanted = math.ceil(sessions * min(ROUND_PART, 1 - max_bytes / used))
        for left in range(wanted, 0, -SESSIONS_AT_ONCE):
            _delete_oldest(connection, min(left, SESSIONS_AT_ONCE))
            yield
        if not wanted and not _delete_oldest(connection, 0):
            return
        yield from forget_words(connection)


def _delete_oldest(connection: sqlite3.Connection, sessions: int) -> int:
    """So many of the oldest conversations, and what happened before the last of them; how much that was.

    Where there are none, of all that happened the oldest.
    """
    oldest = "SELECT number FROM sessions WHERE ended IS NOT NULL ORDER BY number LIMIT ?"
    with transaction(connection):
        (until,) = connection.execute(
            f"SELECT ifnull(max(number), (SELECT max(number) FROM events)) FROM ({oldest})", (sessions,)
        ).fetchone()
        deleted = delete_sessions(connection, f"number IN ({oldest})", sessions)
        events = "SELECT number FROM events WHERE session IS NULL AND number <= ? ORDER BY number LIMIT ?"
        rows = connection.execute(
            f"DELETE FROM events WHERE number IN ({events})", (until, EVENTS_AT_ONCE)
        ).rowcount
    return deleted + rows


def _in_one(connection: sqlite3.Connection, condition: str, *values: object) -> int:
    with transaction(connection):
        return delete_sessions(connection, condition, *values)


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    return pages * _pragma(connection, "page_size")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
