"""What the tests of the history share: happenings, and somebody who waits for its news."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path

from moshi_speaker.events import (
    EndReason,
    ReportConversationEnded,
    ReportConversationStarted,
    ReportTranscript,
    ReportWake,
    Side,
)
from moshi_speaker.history import file
from moshi_speaker.history.happening import Happening
from moshi_speaker.history.history import History
from moshi_speaker.settings import HistorySettings

PATIENCE_S = 20.0
"""Far more than anything here takes; only a bug, or a very busy machine, needs it."""
NOW = 1_800_000_000.0
"""Seconds since 1970."""
LONG = "It was a dark and stormy night; the rain fell in torrents, except at occasional intervals. " * 3


def wake(event_id: str, at: float = NOW) -> Happening:
    return Happening(event_id, ReportWake("hey_jarvis", 0.9, at), at, f'{{"id":"{event_id}"}}', "event/wake")


def started(event_id: str, conversation: str, at: float = NOW) -> Happening:
    report = ReportConversationStarted(conversation, "wake_word", at)
    return Happening(event_id, report, at, f'{{"id":"{event_id}"}}', "event/conversation")


def said(
    event_id: str,
    conversation: str,
    text: str,
    *,
    turns: int = 1,
    side: Side = Side.ASSISTANT,
    at: float = NOW,
) -> Happening:
    report = ReportTranscript(conversation, text, turns, at, side)
    return Happening(event_id, report, at, f'{{"text":"{text}"}}', f"transcript/{side.value}")


def ended(event_id: str, conversation: str, at: float = NOW, duration_s: float = 5.0) -> Happening:
    report = ReportConversationEnded(conversation, "wake_word", EndReason.SILENCE, duration_s, 1, at)
    return Happening(event_id, report, at, f'{{"id":"{event_id}"}}', "event/conversation")


def talk(conversation: str, *texts: str, at: float = NOW) -> list[Happening]:
    """A whole conversation."""
    words = [
        said(f"{conversation}-e{n}", conversation, text, turns=n, at=at + n)
        for n, text in enumerate(texts, 1)
    ]
    end = ended(f"{conversation}-end", conversation, at + len(texts) + 1, duration_s=len(texts) + 1)
    return [started(f"{conversation}-start", conversation, at), *words, end]


class Keeper:
    """A history, what it told, and a link to a broker that takes everything."""

    def __init__(
        self, folder: Path | None, settings: Mapping[str, object], wall: Callable[[], float] | None
    ) -> None:
        self.history = History(
            folder, HistorySettings.model_validate({"keep_days": 30, **settings}), wall=wall or (lambda: NOW)
        )
        self.problems: list[str] = []
        """The lines of its problems; an empty one ends each."""
        self.changed = threading.Condition()

    def start(self) -> None:
        self.history.start(self._tell, self._complain)

    def record(self, *happenings: Happening) -> None:
        for happening in happenings:
            self.history.record(happening)

    def keep(self, *happenings: Happening) -> None:
        """Record them, and wait until they may be sent."""
        self.record(*happenings)
        assert self.history.settle(PATIENCE_S)

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until it holds; looked at whenever the history has news, and a few times a second."""
        deadline = time.monotonic() + PATIENCE_S
        with self.changed:
            while not holds():
                assert time.monotonic() < deadline, self.problems
                self.changed.wait(0.05)

    def waiting(self) -> list[str]:
        """Payloads of what waits for the broker."""
        return [event.payload for event in self.history.after(0, 1_000_000)]

    def send_all(self) -> list[str]:
        """Let the broker have everything that waits; the payloads."""
        events = self.history.after(0, 1_000_000)
        for event in events:
            self.history.confirm(event.number)
        return [event.payload for event in events]

    def close(self) -> None:
        self.history.close(PATIENCE_S)

    def _tell(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def _complain(self, line: str) -> None:
        with self.changed:
            self.problems.append(line)
            self.changed.notify_all()


def payloads(happenings: Iterable[Happening]) -> list[str]:
    return [happening.payload for happening in happenings]


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    """What a client of one's own finds in the file."""
    with closing(sqlite3.connect(folder / file.NAME)) as connection:
        return connection.execute(query).fetchall()
