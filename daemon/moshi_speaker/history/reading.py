"""What is read from the file. Everything here raises sqlite3.Error."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from moshi_speaker.events import Side
from moshi_speaker.events.backlog import WaitingEvent

_SESSION = "id, trigger, started, ended, reason, duration_s, turns"


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one side said."""

    side: Side
    text: str
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One talk."""

    id: str
    trigger: str
    """``wake_word`` or who asked; empty where that is not known."""
    started: float
    """Seconds since 1970."""
    ended: float | None
    """None while it goes on."""
    reason: str | None
    """Why it ended, as it is published; ``crash`` when the process was killed."""
    duration_s: float | None
    turns: int
    """Utterances of Moshi."""
    utterances: tuple[Utterance, ...]
    """Those that were asked for, the oldest first."""


@dataclass(frozen=True, slots=True)
class Found:
    """An utterance in which the words are."""

    conversation_id: str
    utterance: Utterance


@dataclass(frozen=True, slots=True)
class Wake:
    """The wake word was heard."""

    at: float
    """Seconds since 1970."""
    payload: str
    """JSON, as it was published."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is."""

    conversations: int
    utterances: int
    waiting: int
    """Events that the broker has not got."""


def waiting(connection: sqlite3.Connection, after: int, limit: int) -> list[WaitingEvent]:
    """At most so many of the outbox, the oldest first."""
    rows = connection.execute(
        "SELECT number, topic, payload, retain, happened_at FROM outbox"
        " WHERE number > ? ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [WaitingEvent(n, topic, payload, bool(retain), at) for n, topic, payload, retain, at in rows]


def counts(connection: sqlite3.Connection) -> Counts:
    """How much there is."""
    tables = ("sessions", "utterances", "outbox")
    return Counts(*(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables))


def conversations(
    connection: sqlite3.Connection, limit: int, sides: Sequence[Side] = tuple(Side), since: float = 0.0
) -> list[Conversation]:
    """The latest ones that began ``since`` then, the newest first, with the words of these sides."""
    rows = connection.execute(
        f"SELECT {_SESSION} FROM sessions WHERE started >= ? ORDER BY number DESC LIMIT ?", (since, limit)
    ).fetchall()
    return [_conversation(connection, row, sides) for row in rows]


def every(connection: sqlite3.Connection, since: float = 0.0) -> Iterator[Conversation]:
    """All conversations that began ``since`` then, the oldest first, one by one."""
    rows = connection.execute(f"SELECT {_SESSION} FROM sessions WHERE started >= ? ORDER BY number", (since,))
    return (_conversation(connection, row, tuple(Side)) for row in rows)


def wakes(connection: sqlite3.Connection, since: float = 0.0) -> Iterator[Wake]:
    """All wake words since then, the oldest first."""
    rows = connection.execute(
        "SELECT at, payload FROM events WHERE kind = 'wake' AND at >= ? ORDER BY number", (since,)
    )
    return (Wake(*row) for row in rows)


def conversation(connection: sqlite3.Connection, conversation_id: str) -> Conversation | None:
    """The one with this id."""
    row = connection.execute(f"SELECT {_SESSION} FROM sessions WHERE id = ?", (conversation_id,)).fetchone()
    return None if row is None else _conversation(connection, row, tuple(Side))


def search(connection: sqlite3.Connection, expression: str, limit: int) -> list[Found]:
    """The newest utterances that fit an expression of ``query``, the newest first.

    By time, not by rank: FTS5 then reads no more of its index than these need.
    """
    rows = connection.execute(SEARCH, (expression, limit))
    return [Found(session, Utterance(Side(side), text, at)) for session, side, text, at in rows]


SEARCH = (
    "SELECT session, utterances.side, utterances.text, at FROM words"
    " JOIN utterances ON utterances.number = words.rowid"
    " WHERE words MATCH ? ORDER BY words.rowid DESC LIMIT ?"
)


def _conversation(connection: sqlite3.Connection, row: Sequence[Any], sides: Sequence[Side]) -> Conversation:
    conversation_id, trigger, started, ended, reason, duration_s, turns = row
    said = _utterances(connection, conversation_id, sides)
    return Conversation(conversation_id, trigger, started, ended, reason, duration_s, turns, said)


def _utterances(
    connection: sqlite3.Connection, conversation_id: str, sides: Sequence[Side]
) -> tuple[Utterance, ...]:
    rows = connection.execute(
        "SELECT side, text, at FROM utterances WHERE session = ? ORDER BY number", (conversation_id,)
    )
    found = (Utterance(Side(side), text, at) for side, text, at in rows)
    return tuple(utterance for utterance in found if utterance.side in sides)
