import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from moshi_speaker.history import file, flusher, retention, writer
from tests.history.conftest import MakeKeeper
from tests.history.record import NOW, rows, said, started, talk, wake

DAY_S = 86_400.0


def bytes_of(folder: Path) -> bytes:
    """All that the disk has of it."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_what_is_too_old_goes_and_what_is_not_stays(keep: MakeKeeper, tmp_path: Path) -> None:
    first = keep()
    for days in (40, 31, 29, 1):
        at = NOW - days * DAY_S
        first.keep(wake(f"w{days}", at), *talk(f"c{days}", f"zebra{days} crossing", at=at))
    first.send_all()
    first.close()
    second = keep(keep_days=30)
    second.until(lambda: len(second.history.conversations(10)) == 2)
    assert [c.id for c in second.history.conversations(10)] == ["c1", "c29"]
    second.until(lambda: rows(tmp_path, "SELECT count(*) FROM events WHERE kind = 'wake'") == [(2,)])
    second.close()
    assert rows(tmp_path, "SELECT count(*) FROM utterances") == [(2,)]
    assert rows(tmp_path, "SELECT count(*) FROM words WHERE words MATCH 'crossing'") == [(2,)]
    assert rows(tmp_path, "SELECT count(*) FROM words WHERE words MATCH 'zebra31'") == [(0,)]
    left = bytes_of(tmp_path)
    assert b"zebra31" not in left
    assert b"zebra29" in left


def test_a_machine_that_starts_with_a_wrong_date_loses_nothing(
    keep: MakeKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = keep()
    first.keep(*talk("c1", "not old at all"))
    first.close()
    monkeypatch.undo()
    second = keep(wall=lambda: NOW + 1_000 * DAY_S)
    second.keep(wake("e1"))
    second.close()
    third = keep()
    third.until(lambda: [c.id for c in third.history.conversations(10)] == ["c1"])


def test_what_the_broker_has_not_got_stays_however_old(keep: MakeKeeper, tmp_path: Path) -> None:
    first = keep()
    first.keep(*talk("c1", "old words", at=NOW - 100 * DAY_S))
    waiting = first.waiting()
    first.close()
    second = keep()
    second.until(lambda: rows(tmp_path, "SELECT count(*) FROM sessions") == [(0,)])
    second.until(lambda: second.waiting() == waiting)


def test_a_conversation_that_goes_on_stays(keep: MakeKeeper, tmp_path: Path) -> None:
    keeper = keep()
    keeper.keep(started("s", "c1", NOW - 100 * DAY_S), said("a", "c1", "hello", at=NOW - 100 * DAY_S))
    with closing(file.open_to_write(tmp_path / file.NAME)) as connection:
        for _ in retention.tidy(connection, NOW, 1):
            pass
    assert [c.id for c in keeper.history.conversations(10)] == ["c1"]


def test_too_large_a_file_loses_its_oldest_conversations_and_shrinks(
    keep: MakeKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flusher, "DURABLE_S", 0.1)
    first = keep()
    for n in range(120):
        first.record(*talk(f"c{n}", *("word " * 300,) * 10, at=NOW - 1_000 + n), wake(f"w{n}"))
    assert first.history.settle(60.0)
    first.send_all()
    first.close()
    before = (tmp_path / file.NAME).stat().st_size
    assert before > 2_500_000
    second = keep(max_megabytes=1)
    second.until(lambda: (tmp_path / file.NAME).stat().st_size < 1_000_000)
    ids = [int(c.id[1:]) for c in second.history.conversations(1_000)]
    assert ids == list(range(119, 119 - len(ids), -1))
    assert len(ids) > 5


def test_nobody_waits_long_for_it(keep: MakeKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = keep()
    for n in range(100):
        first.record(*talk(f"c{n}", *("many words " * 20,) * 5, at=NOW - 50 * DAY_S))
    assert first.history.settle(60.0)
    first.close()
    steps: list[int] = []
    stepping, may_go_on = threading.Event(), threading.Event()
    tidy = retention.tidy

    def watched(connection: sqlite3.Connection, before: float, max_bytes: int) -> Iterator[None]:
        for _ in tidy(connection, before, max_bytes):
            steps.append(1)
            stepping.set()
            may_go_on.wait(20.0)
            yield

    monkeypatch.setattr(retention, "tidy", watched)
    second = keep()
    assert stepping.wait(20.0)
    second.record(wake("now"))
    may_go_on.set()
    assert second.history.settle(20.0)  # between two steps
    second.until(lambda: rows(tmp_path, "SELECT count(*) FROM sessions") == [(0,)])
    second.until(lambda: len(steps) >= 100 / retention.SESSIONS_AT_ONCE)


def test_it_is_done_once_a_day(keep: MakeKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "DAY_S", 0.1)
    now = [NOW]
    keeper = keep(wall=lambda: now[0])
    keeper.keep(*talk("c1", "hello"))
    keeper.send_all()
    now[0] += 31 * DAY_S
    keeper.until(lambda: not keeper.history.conversations(1))
