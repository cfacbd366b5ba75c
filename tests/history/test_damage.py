"""A file that breaks: what can be read of it is kept, the rest is moved aside, talk goes on."""

import logging
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from moshi_speaker.history import file, salvage, writer
from tests.history.conftest import MakeKeeper
from tests.history.record import NOW, rows, talk, wake

pytestmark = pytest.mark.usefixtures("quick_retries")
TALKS = 200
PAGE = file.PAGE_BYTES


@pytest.fixture
def full(keep: MakeKeeper, tmp_path: Path) -> Path:
    """A history of many talks, nobody of which has it open."""
    keeper = keep()
    for n in range(TALKS):
        keeper.record(
            *talk(f"c{n}", *(f"utterance {n} {turn} " + "blah " * 10 for turn in range(5)), at=NOW + n)
        )
    assert keeper.history.settle(60.0)
    keeper.close()
    return tmp_path / file.NAME


def overwrite(path: Path, *pages: int, by: bytes = b"") -> None:
    """Write noise over some pages, counted from 0."""
    noise = random.Random(1)
    with path.open("r+b") as target:
        for page in pages:
            target.seek(page * PAGE)
            target.write(by or noise.randbytes(PAGE))


def pages_of(path: Path, table: str) -> list[int]:
    """The leaves of a table, counted from 0, where SQLite can tell; else by their content."""
    data = path.read_bytes()
    marks = {"utterances": b"utterance ", "outbox": b'{"text":"utterance'}
    found = []
    for page in range(1, len(data) // PAGE):
        content = data[page * PAGE : (page + 1) * PAGE]
        if content[0] == 0x0D and marks[table] in content:
            found.append(page)
    return found


def aside_of(path: Path) -> Path:
    (aside,) = file.damaged(path)
    return aside


def test_a_bad_page_costs_the_rows_on_it_alone(keep: MakeKeeper, full: Path) -> None:
    pages = [page for page in pages_of(full, "utterances") if page not in pages_of(full, "outbox")]
    overwrite(full, pages[len(pages) // 2])
    keeper = keep()
    keeper.record(wake("after"))
    keeper.until(lambda: keeper.problems or keeper.history.figures().conversations)
    # Nobody has touched the page yet; the first who does finds it.
    keeper.history.conversations(TALKS)
    keeper.until(lambda: keeper.problems)
    keeper.until(lambda: keeper.history.figures().conversations)
    (line,) = keeper.problems
    assert "was damaged" in line
    assert str(aside_of(full)) in line
    figures = keeper.history.figures()
    assert figures.conversations == TALKS
    assert 0 < TALKS * 5 - figures.utterances < 60
    keeper.until(lambda: keeper.waiting()[-1:] == ['{"id":"after"}'])
    keeper.keep(wake("later"))
    keeper.close()
    assert rows(full.parent, "PRAGMA integrity_check") == [("ok",)]


def test_a_file_whose_first_page_is_gone_is_read_all_the_same(keep: MakeKeeper, full: Path) -> None:
    overwrite(full, 0)
    broken = full.read_bytes()
    keeper = keep()
    keeper.keep(wake("after"))
    assert keeper.history.figures().conversations == TALKS
    assert keeper.history.figures().utterances == TALKS * 5
    waiting = keeper.waiting()
    assert len(waiting) == TALKS * 7 + 1
    assert waiting[-1] == '{"id":"after"}'
    assert len(keeper.problems) == 1
    assert aside_of(full).read_bytes() == broken


@pytest.mark.parametrize(
    "content", [b"", b"this is no database\n" * 1000, b"SQLite format 3\0" + bytes(40 * PAGE)]
)
def test_a_file_that_never_was_one_is_moved_aside(keep: MakeKeeper, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / file.NAME
    path.write_bytes(content)
    keeper = keep()
    keeper.keep(*talk("c1", "Hello"))
    assert [c.id for c in keeper.history.conversations(5)] == ["c1"]
    assert [aside.read_bytes() for aside in file.damaged(path)] == ([content] if content else [])
    assert len(keeper.problems) == (1 if content else 0)


def test_damage_in_the_midst_of_life_stops_nothing(keep: MakeKeeper, tmp_path: Path) -> None:
    path = tmp_path / file.NAME
    keeper = keep()
    happened = [event for n in range(60) for event in talk(f"c{n}", "words " * 20, at=NOW + n)]
    keeper.keep(*happened[:120])
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    overwrite(path, *range(1, size // PAGE))
    keeper.record(*happened[120:])
    keeper.until(lambda: keeper.problems)
    keeper.until(lambda: {"c59", "c50"} <= {c.id for c in keeper.history.conversations(100)})
    assert "was damaged" in keeper.problems[0]
    payloads = [event.payload for event in happened[120:]]
    assert keeper.waiting()[-len(payloads) :] == payloads


@pytest.mark.parametrize("seed", range(6))
def test_whatever_pages_are_bad_it_goes_on_and_loses_no_readable_row(
    keep: MakeKeeper, full: Path, seed: int
) -> None:
    chance = random.Random(seed)
    pages = full.stat().st_size // PAGE
    overwrite(full, *chance.sample(range(pages), 4), by=bytes(chance.randbytes(PAGE)))
    keeper = keep()
    keeper.record(*talk("new", "after the damage", at=NOW + 10_000))
    keeper.history.conversations(TALKS)
    keeper.until(lambda: any(c.id == "new" for c in keeper.history.conversations(3)))
    keeper.close()
    found = rows(full.parent, "SELECT count(*) FROM utterances")
    assert found[0][0] > TALKS  # type: ignore[operator]


def test_a_disk_that_damages_file_after_file_is_given_up(keep: MakeKeeper, full: Path) -> None:
    for n in range(writer.MAX_ASIDES):
        full.with_name(f"{file.NAME}{file.ASIDE}{n}").write_bytes(b"")
    overwrite(full, 0)
    broken = full.read_bytes()
    keeper = keep()
    keeper.record(wake("e1"))
    keeper.until(lambda: keeper.waiting())
    (line,) = keeper.problems
    assert "damaged again and again" in line
    keeper.close()
    assert full.read_bytes() == broken


def test_the_problem_of_a_mended_file_is_over_after_a_day(
    keep: MakeKeeper, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "DAY_S", 0.2)
    overwrite(full, 0)
    keeper = keep()
    keeper.until(lambda: keeper.problems[-1:] == [""])
    assert "was damaged" in keeper.problems[0]


def test_a_salvage_that_was_killed_is_finished(keep: MakeKeeper, full: Path) -> None:
    whole = full.read_bytes()
    overwrite(full, 0)
    full.rename(full.with_name(f"{file.NAME}{file.ASIDE}1"))
    full.with_name(f"{file.NAME}.new").write_bytes(whole)
    keeper = keep()
    keeper.keep(wake("after"))
    assert keeper.history.figures().conversations == TALKS
    assert not full.with_name(f"{file.NAME}.new").exists()


def test_the_rest_of_a_salvage_that_was_killed_earlier_is_removed(keep: MakeKeeper, full: Path) -> None:
    full.with_name(f"{file.NAME}.new").write_bytes(b"half")
    keeper = keep()
    keeper.keep(wake("after"))
    assert keeper.history.figures().conversations == TALKS
    assert not full.with_name(f"{file.NAME}.new").exists()


def test_words_whose_conversation_is_gone_get_one(keep: MakeKeeper, full: Path) -> None:
    with closing(sqlite3.connect(full)) as connection, connection:
        connection.execute("DELETE FROM sessions WHERE id = 'c7'")
    overwrite(full, 0)
    keeper = keep()
    keeper.until(lambda: keeper.history.figures().conversations)
    found = {c.id: c for c in keeper.history.conversations(TALKS)}
    assert found["c7"].reason == salvage.LOST
    assert len(found["c7"].utterances) == 5


def test_what_is_put_aside_is_private_too(keep: MakeKeeper, full: Path) -> None:
    overwrite(full, 0)
    keep().keep(wake("e"))
    assert {path.stat().st_mode & 0o777 for path in full.parent.glob("history*")} == {0o600}


def test_what_was_put_aside_goes_when_it_is_too_old(keep: MakeKeeper, full: Path) -> None:
    aside = full.with_name(f"{file.NAME}{file.ASIDE}1")
    aside.write_bytes(b"old words")
    os.utime(aside, (NOW - 31 * 86_400.0, NOW - 31 * 86_400.0))
    keeper = keep()
    keeper.until(lambda: not aside.exists())


def test_no_word_is_in_the_log_of_a_mending(
    keep: MakeKeeper, full: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    overwrite(full, 0)
    keeper = keep()
    keeper.until(lambda: keeper.problems)
    assert "blah" not in caplog.text + "".join(keeper.problems)
