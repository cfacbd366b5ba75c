"""What its owner does with the file beside the speaker that writes it: look into it, and delete from it."""

import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from moshi_speaker.errors import MissingPartError, SpeakerError
from moshi_speaker.history import file, retention, schema, store, trouble
from moshi_speaker.history.store import transaction

AT_ONCE = 50
"""Conversations that are deleted in one go, between which the speaker can write."""
PATIENCE_S = 30.0
"""Seconds to wait for the speaker, or another program, to finish what it writes."""


def is_there(path: Path) -> bool:
    """Whether there is such a file. Raises SpeakerError, also for what SQLite would wait for, as a FIFO."""
    with _plain(path):
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return False
    if not stat.S_ISREG(mode):
        raise SpeakerError("this is no file", where=str(path), remedy="move it away")
    return True


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, to look into it. Raises SpeakerError, with one line for whatever is wrong with it."""
    _require(path)
    with _plain(path), closing(file.open_to_read(path)) as connection:
        if schema.version(connection) == 0:  # made, but nothing was written into it
            raise _none_yet(path)
        yield connection


def delete(path: Path, ids: Sequence[str]) -> int:
    """Conversations, with all that belongs to them; how many there were. Raises SpeakerError.

    Also what the broker has not got yet of them. Afterwards nothing of it is on the disk, as far as a program
    can see to that: what was deleted is overwritten.
    """
    with _writing(path) as connection:
        try:
            return sum(_delete(connection, "id = ?", name) for name in ids)
        finally:  # also of a part, when somebody interrupts it
            _clear_away(connection)


def delete_before(path: Path, before: float) -> int:
    """Conversations that began before then (seconds since 1970), and all that happened. As ``delete``."""
    with _writing(path) as connection:
        deleted = 0
        some = "number IN (SELECT number FROM sessions WHERE started < ? LIMIT ?)"
        try:
            while now := _delete(connection, some, before, AT_ONCE):
                deleted += now
            with transaction(connection):
                connection.execute("DELETE FROM events WHERE session IS NULL AND at < ?", (before,))
                connection.execute("DELETE FROM outbox WHERE session IS NULL AND happened_at < ?", (before,))
        finally:
            _clear_away(connection)
    return deleted


def delete_all(path: Path) -> int:
    """Everything, and damaged files that were moved aside. As ``delete``."""
    deleted = delete_before(path, float("inf")) if is_there(path) else 0
    with _plain(path):
        for aside in file.asides(path):
            aside.unlink()
    return deleted


def remove(path: Path) -> None:
    """The file itself, which no speaker may have open. Raises SpeakerError."""
    with _plain(path):
        for suffix in file.SUFFIXES:
            Path(f"{path}{suffix}").unlink(missing_ok=True)


def known(path: Path, ids: Sequence[str]) -> list[str]:
    """Those of the ids that there are. Raises SpeakerError."""
    with reading(path) as connection:
        query = "SELECT id FROM sessions WHERE id = ?"
        return [name for name in ids if connection.execute(query, (name,)).fetchone()]


@contextmanager
def _writing(path: Path) -> Iterator[sqlite3.Connection]:
    _require(path)
    with _plain(path), closing(file.open_to_write(path)) as connection:
        connection.execute(f"PRAGMA busy_timeout = {round(1_000 * PATIENCE_S)}")
        yield connection


def _delete(connection: sqlite3.Connection, condition: str, *values: object) -> int:
    with transaction(connection):
        return retention.delete_sessions(connection, condition, *values, unsent=True)


def _clear_away(connection: sqlite3.Connection) -> None:
    for _ in retention.forget_words(connection):
        pass
    for _ in retention.give_back(connection):
        pass
    store.checkpoint(connection, "TRUNCATE")


def _require(path: Path) -> None:
    if not is_there(path):
        raise _none_yet(path)


def _none_yet(path: Path) -> MissingPartError:
    return MissingPartError("there is no history yet", where=str(path), remedy="talk to the speaker first")


@contextmanager
def _plain(path: Path) -> Iterator[None]:
    """Errors of SQLite and the system, as one line."""
    try:
        yield
    except OSError as error:
        raise SpeakerError(f"cannot be used ({error.strerror})", where=str(path)) from error
    except sqlite3.Error as error:
        found = trouble.of(error, path)
        remedy = "start the speaker: it saves what can be read" if found.damaged else found.remedy
        raise SpeakerError(found.what, where=str(path), remedy=remedy) from error
