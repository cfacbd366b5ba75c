"""What is written into the file, in one transaction after the other. Everything here raises sqlite3.Error."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from moshi_speaker.events import (
    ReportConversationEnded,
    ReportConversationStarted,
    ReportTranscript,
    Side,
)
from moshi_speaker.history import schema
from moshi_speaker.history.buffer import Entry
from moshi_speaker.history.happening import Happening, conversation, kind

CRASH = "crash"
"""Reason of a conversation during which the process was killed, or the power went."""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Whole or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise


def keep(connection: sqlite3.Connection, entries: Sequence[Entry], confirmed: Iterable[int]) -> None:
    """Write these, each with its row of the outbox, and take from the outbox what the broker has."""
    with transaction(connection):
        for entry in entries:
            _keep(connection, entry)
        connection.executemany("DELETE FROM outbox WHERE number = ?", ((number,) for number in confirmed))


def last_number(connection: sqlite3.Connection) -> int:
    """The highest that was ever given, as far as it matters: none that a later one could be mistaken for."""
    (last,) = connection.execute(
        "SELECT max("
        "ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0),"
        "ifnull((SELECT max(number) FROM outbox), 0), ifnull((SELECT max(number) FROM events), 0),"
        "ifnull((SELECT max(number) FROM utterances), 0), ifnull((SELECT max(number) FROM sessions), 0))"
    ).fetchone()
    return int(last)


def renumber_outbox(connection: sqlite3.Connection, by: int) -> None:
    """Put what waits there behind numbers that were given away while the file could not be read."""
    with transaction(connection):
        # Downwards, each number would meet one that is still taken; a copy does not.
        rows = connection.execute(
            "SELECT number + ?, topic, payload, retain, happened_at, session FROM outbox ORDER BY number",
            (by,),
        ).fetchall()
        connection.execute("DELETE FROM outbox")
        connection.executemany(
            "INSERT INTO outbox (number, topic, payload, retain, happened_at, session)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )


def close_open_sessions(connection: sqlite3.Connection) -> int:
    """End what an earlier life did not: with its last sign of life. How many there were."""
    with transaction(connection):
        last = "(SELECT max(at) FROM events WHERE events.session = sessions.id)"
        return connection.execute(
            f"UPDATE sessions SET reason = ?, ended = max(started, ifnull({last}, started)),"
            f" duration_s = max(0, ifnull({last}, started) - started),"
            " turns = (SELECT count(*) FROM utterances WHERE session = sessions.id AND side = ?)"
            " WHERE ended IS NULL",
            (CRASH, Side.ASSISTANT.value),
        ).rowcount


def outbox_rows(connection: sqlite3.Connection) -> int:
    """How many wait there."""
    (rows,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
    return int(rows)


def probe(connection: sqlite3.Connection) -> None:
    """Write something that changes nothing, to see whether that is possible."""
    with transaction(connection):
        connection.execute(f"PRAGMA user_version = {schema.VERSION}")


def bound_outbox(connection: sqlite3.Connection, max_rows: int) -> int:
    """Give up the oldest of what waits beyond so many; how many that were."""
    rows = outbox_rows(connection)
    if rows <= max_rows:
        return 0
    with transaction(connection):
        return connection.execute(
            "DELETE FROM outbox WHERE number IN (SELECT number FROM outbox ORDER BY number LIMIT ?)",
            (rows - max_rows,),
        ).rowcount


def checkpoint(connection: sqlite3.Connection, mode: str = "PASSIVE") -> None:
    """Bring what was committed onto the disk itself; ``TRUNCATE`` leaves an empty journal."""
    connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()


def _keep(connection: sqlite3.Connection, entry: Entry) -> None:
    happening = entry.happening
    report = happening.report
    session = conversation(report)
    # What was said has a table of its own: once is enough.
    payload = None if isinstance(report, ReportTranscript) else _clean(happening.payload)
    connection.execute(
        "INSERT OR IGNORE INTO events (number, event_id, kind, session, payload, at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (entry.row, happening.event_id, kind(report), session, payload, happening.at),
    )
    match report:
        case ReportConversationStarted():
            _begin(connection, entry.row, report.conversation_id, report.trigger, happening.at)
        case ReportConversationEnded():
            _end(connection, entry.row, report, happening.at)
        case ReportTranscript():
            _say(connection, entry.row, report, happening.at)
        case _:
            pass
    if entry.to_send and happening.topic is not None:
        _send(connection, entry.number, happening, happening.topic, session)


def _begin(connection: sqlite3.Connection, number: int, session: str, trigger: str, started: float) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO sessions (number, id, trigger, started) VALUES (?, ?, ?, ?)",
        (number, session, trigger, started),
    )


def _end(connection: sqlite3.Connection, number: int, report: ReportConversationEnded, ended: float) -> None:
    # Its beginning may be gone: deleted by its owner while it went on.
    _begin(connection, number, report.conversation_id, report.trigger, ended - report.duration_s)
    connection.execute(
        "UPDATE sessions SET ended = ?, reason = ?, duration_s = ?, turns = ? WHERE id = ?",
        (ended, report.reason.value, report.duration_s, report.turns, report.conversation_id),
    )


def _say(connection: sqlite3.Connection, number: int, report: ReportTranscript, at: float) -> None:
    _begin(connection, number, report.conversation_id, "", at)
    connection.execute(
        "INSERT OR IGNORE INTO utterances (number, session, side, text, at) VALUES (?, ?, ?, ?, ?)",
        (number, report.conversation_id, report.side.value, _clean(report.text), at),
    )
    connection.execute(
        "UPDATE sessions SET turns = max(turns, ?) WHERE id = ?", (report.turns, report.conversation_id)
    )


def _send(
    connection: sqlite3.Connection, number: int, happening: Happening, topic: str, session: str | None
) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO outbox (number, topic, payload, retain, happened_at, session)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (number, topic, _clean(happening.payload), happening.retain, happening.at, session),
    )


def _clean(text: str) -> str:
    """Without the halves of characters that a tokenizer may leave, and UTF-8 lacks."""
    return text.encode("utf-8", "replace").decode("utf-8")
