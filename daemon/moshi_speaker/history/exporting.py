"""Everything that is kept, for other programs; row by row, so that a large file needs no memory."""

import csv
import json
import sqlite3
from datetime import UTC, datetime
from typing import Any, TextIO

from moshi_speaker.history import reading
from moshi_speaker.history.reading import Conversation

COLUMNS = ("conversation", "trigger", "started", "ended", "reason", "side", "at", "text")
"""Of the CSV: a row for each utterance, and one without for a conversation that has none."""


def write_json(connection: sqlite3.Connection, target: TextIO, since: float) -> None:
    """An object of ``conversations`` with their words, and ``wakes``. Raises sqlite3.Error, OSError."""
    target.write('{"conversations": [')
    for n, talk in enumerate(reading.every(connection, since)):
        target.write(",\n" if n else "\n")
        target.write(json.dumps(_fields(talk), ensure_ascii=False))
    target.write('\n], "wakes": [')
    for n, wake in enumerate(reading.wakes(connection, since)):
        target.write(",\n" if n else "\n")
        target.write(json.dumps({"at": _iso(wake.at), "event": json.loads(wake.payload)}, ensure_ascii=False))
    target.write("\n]}\n")


def write_csv(connection: sqlite3.Connection, target: TextIO, since: float) -> None:
    """With a heading; ``COLUMNS``. Raises sqlite3.Error, OSError."""
    rows = csv.writer(target)
    rows.writerow(COLUMNS)
    for talk in reading.every(connection, since):
        head = (talk.id, talk.trigger, _iso(talk.started), _iso(talk.ended), talk.reason)
        for utterance in talk.utterances:
            rows.writerow((*head, utterance.side.value, _iso(utterance.at), _cell(utterance.text)))
        if not talk.utterances:
            rows.writerow((*head, "", "", ""))


def _fields(talk: Conversation) -> dict[str, Any]:
    return {
        "id": talk.id,
        "trigger": talk.trigger,
        "started": _iso(talk.started),
        "ended": _iso(talk.ended),
        "reason": talk.reason,
        "duration_s": talk.duration_s,
        "turns": talk.turns,
        "utterances": [
            {"side": utterance.side.value, "at": _iso(utterance.at), "text": utterance.text}
            for utterance in talk.utterances
        ],
    }


def _cell(text: str) -> str:
    """A spreadsheet takes what begins so for a formula, and calculates it."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
