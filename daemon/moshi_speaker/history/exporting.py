"""Everything that is kept, for other programs; row by row, so that a large file needs no memory."""

import csv
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from moshi_speaker.history import reading
from moshi_speaker.history.reading import Conversation

COLUMNS = ("conversation", "trigger", "started", "ended", "reason", "side", "at", "text")
"""Of the CSV: a row for each utterance, and one without for a conversation that has none."""


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Text that is in the file once the block has ended well; else what was there before. Raises OSError.

    Nobody but its owner may read it.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():  # /dev/stdout, a FIFO
        with path.open("w", encoding="utf-8", newline="") as target:
            yield target
        return
    descriptor, part = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as target:
            yield target
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


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
