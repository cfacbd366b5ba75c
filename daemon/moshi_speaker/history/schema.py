"""The tables of the history's file, and how an older file becomes one of today.

``number`` is one counter for everything that happens; it gives every table the same order, and rises over
restarts because the outbox never uses one again.
"""

import sqlite3

VERSION = 1
"""Of the tables; kept in the file as ``user_version``."""

_FIRST = """
CREATE TABLE sessions (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    trigger TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    reason TEXT,
    duration_s REAL,
    turns INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX sessions_by_start ON sessions (started);

CREATE TABLE utterances (
    number INTEGER PRIMARY KEY,
    session TEXT NOT NULL,
    side TEXT NOT NULL,
    text TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX utterances_by_session ON utterances (session);

CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    session TEXT,
    payload TEXT,
    at REAL NOT NULL
);
CREATE INDEX events_by_session ON events (session, at);

CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    retain INTEGER NOT NULL,
    happened_at REAL NOT NULL,
    session TEXT
);
CREATE INDEX outbox_by_session ON outbox (session);

CREATE VIRTUAL TABLE words USING fts5 (
    text, side, content='utterances', content_rowid='number',
    prefix='1 2 3', tokenize="unicode61 remove_diacritics 2"
);
CREATE TRIGGER utterance_added AFTER INSERT ON utterances BEGIN
    INSERT INTO words (rowid, text, side) VALUES (new.number, new.text, new.side);
END;
CREATE TRIGGER utterance_deleted AFTER DELETE ON utterances BEGIN
    INSERT INTO words (words, rowid, text, side) VALUES ('delete', old.number, old.text, old.side);
END;
"""
"""The side is among the words so that a search for one of them skips the other side's at once."""

MIGRATIONS = (_FIRST,)
"""The script at ``n`` makes version ``n + 1`` out of version ``n``; 0 is an empty file."""


def version(connection: sqlite3.Connection) -> int:
    """That of a file. Raises sqlite3.Error."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file up to date, each step whole or not at all. Raises sqlite3.Error."""
    for step in range(version(connection), len(MIGRATIONS)):
        script = f"BEGIN IMMEDIATE;\n{MIGRATIONS[step]}\nPRAGMA user_version = {step + 1};\nCOMMIT;"
        try:
            connection.executescript(script)
        except sqlite3.Error:
            if connection.in_transaction:
                connection.rollback()
            raise
