"""A disk that is full, read-only, taken, or broken: talk goes on, it is said, and nothing stored is lost."""

import logging
import os
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from moshi_speaker.history import file, reading, store, trouble, writer
from tests.history.conftest import MakeKeeper
from tests.history.record import NOW, PATIENCE_S, payloads, rows, started, talk, wake

pytestmark = pytest.mark.usefixtures("quick_retries")
FILLER = "filler"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", folder],
            capture_output=True,
            check=False,
        ).returncode
    ):
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> None:
    """Take all the space that is left."""
    with (folder / FILLER).open("ab", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass


def many(count: int, start: int = 0) -> list[str]:
    return [f'{{"id":"e{n}"}}' for n in range(start, start + count)]


def test_a_full_disk_is_told_talk_goes_on_and_later_all_is_kept_in_order(
    small_disk: Path, keep: MakeKeeper
) -> None:
    keeper = keep(small_disk)
    keeper.keep(*talk("before", "stored"), wake("e0"))
    stored = keeper.waiting()
    fill(small_disk)
    # The journal has room for a few; until it has none, all is well.
    sent = 1
    while not keeper.problems:
        keeper.keep(*(wake(f"e{n}") for n in range(sent, sent + 50)))
        sent += 50
    (line,) = keeper.problems
    assert "the disk is full" in line
    assert "\n" not in line
    keeper.keep(*talk("meanwhile", "said on a full disk"))
    assert keeper.waiting()[: len(stored) + sent - 1] == [*stored, *many(sent - 1, 1)]
    first = keeper.history.after(0, 3)
    for event in first:
        keeper.history.confirm(event.number)
    waiting = keeper.waiting()
    assert waiting[:3] != [event.payload for event in first]
    assert [c.id for c in keeper.history.conversations(5)] == ["before"]
    (small_disk / FILLER).unlink()
    keeper.until(lambda: keeper.problems[-1] == "")
    assert keeper.waiting() == waiting
    assert [c.id for c in keeper.history.conversations(5)] == ["meanwhile", "before"]
    keeper.close()
    assert rows(small_disk, "SELECT payload FROM outbox ORDER BY number") == [(text,) for text in waiting]
    assert rows(small_disk, "PRAGMA integrity_check") == [("ok",)]


def test_what_the_broker_took_on_a_full_disk_is_not_sent_again(small_disk: Path, keep: MakeKeeper) -> None:
    keeper = keep(small_disk)
    keeper.keep(wake("e0"))
    fill(small_disk)
    sent = 1
    while not keeper.problems:
        keeper.keep(*(wake(f"e{n}") for n in range(sent, sent + 50)))
        sent += 50
    keeper.keep(wake("last"))
    assert len(keeper.send_all()) == sent + 1
    assert keeper.waiting() == []
    (small_disk / FILLER).unlink()
    keeper.until(lambda: keeper.problems[-1] == "")
    keeper.close()
    again = keep(small_disk)
    again.keep(wake("new"))
    assert again.waiting() == ['{"id":"new"}']
    assert rows(small_disk, "SELECT count(*) FROM events") == [(sent + 2,)]


def test_a_file_at_its_limit_counts_as_a_full_disk(
    keep: MakeKeeper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[sqlite3.Connection] = []

    def open_small(path: Path) -> sqlite3.Connection:
        opened.append(file.open_to_write(path))
        opened[-1].execute("PRAGMA max_page_count = 40").fetchall()
        return opened[-1]

    monkeypatch.setattr(writer, "open_to_write", open_small)
    keeper = keep()
    happened = [event for n in range(40) for event in talk(f"c{n}", "words " * 200, at=NOW + 60 * n)]
    for event in happened:
        keeper.keep(event)
    assert "the disk is full" in keeper.problems[0]
    assert keeper.waiting() == payloads(happened)
    assert keeper.history.conversations(100)


@pytest.mark.parametrize("before", [True, False], ids=["at the start", "in between"])
def test_a_file_that_another_program_has_locked(keep: MakeKeeper, tmp_path: Path, before: bool) -> None:
    first = keep()
    first.keep(wake("old"))
    first.close()
    with closing(sqlite3.connect(tmp_path / file.NAME, isolation_level=None)) as other:
        keeper = keep()
        if not before:
            keeper.keep(wake("e1"))
        other.execute("BEGIN EXCLUSIVE")
        keeper.record(wake("e2"))
        keeper.until(lambda: keeper.problems)
        assert "another program has locked this file" in keeper.problems[0]
        if not before:
            assert keeper.waiting()[-1] == '{"id":"e2"}'
        other.execute("COMMIT")
    keeper.until(lambda: keeper.problems[-1] == "")
    keeper.keep(wake("e3"))
    assert keeper.waiting()[0] == '{"id":"old"}'
    assert keeper.waiting()[-2:] == ['{"id":"e2"}', '{"id":"e3"}']


def test_what_was_sent_before_a_late_opening_and_what_waits_in_the_file_do_not_mix(
    keep: MakeKeeper, tmp_path: Path
) -> None:
    first = keep()
    first.keep(wake("old1"), wake("old2"))
    first.close()
    path = tmp_path / file.NAME
    hidden = tmp_path / "hidden"
    path.rename(hidden)
    path.mkdir()  # which no program can open
    keeper = keep()
    keeper.record(wake("e1"))
    keeper.until(lambda: keeper.waiting())
    assert "cannot be written" in keeper.problems[0]
    (sent,) = keeper.history.after(0, 10)
    keeper.history.confirm(sent.number)
    path.rmdir()
    hidden.rename(path)
    keeper.until(lambda: keeper.problems[-1] == "")
    late = keeper.history.after(sent.number, 10)
    assert [event.payload for event in late] == ['{"id":"old1"}', '{"id":"old2"}']
    keeper.keep(wake("e2"))
    assert keeper.waiting() == ['{"id":"old1"}', '{"id":"old2"}', '{"id":"e2"}']


def test_a_folder_that_cannot_be_made(keep: MakeKeeper, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    keeper = keep(tmp_path / "file")
    keeper.record(*talk("c1", "Hello"))
    keeper.until(lambda: len(keeper.waiting()) == 3)
    assert len(keeper.problems) == 1
    assert str(tmp_path / "file" / file.NAME) in keeper.problems[0]


def test_what_is_lost_at_the_end_is_said(
    keep: MakeKeeper, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    keeper = keep(tmp_path / "file")
    keeper.record(wake("e1"), wake("e2"))
    keeper.close()
    assert any("2 events are lost" in message for message in caplog.messages)


def test_a_mistake_of_our_own_holds_up_nothing_and_is_told(
    keep: MakeKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = keep()
    keeper.keep(wake("e1"))

    def fail(*_: object) -> None:
        raise ZeroDivisionError("what was said")

    monkeypatch.setattr(store, "keep", fail)
    keeper.record(wake("e2"))
    keeper.until(lambda: keeper.problems)
    assert "a mistake in moshi-speaker itself (ZeroDivisionError in test_trouble.py:" in keeper.problems[-1]
    assert "what was said" not in keeper.problems[-1]
    keeper.record(wake("e3"))
    assert keeper.waiting() == ['{"id":"e1"}', '{"id":"e2"}', '{"id":"e3"}']
    keeper.close()
    assert rows(tmp_path, "SELECT event_id FROM events") == [("e1",)]


def test_whoever_reads_a_disk_that_hangs_does_not_keep_it_from_its_end(
    keep: MakeKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, works_again = threading.Event(), threading.Event()

    def hang(_: sqlite3.Connection) -> reading.Counts:
        reads.set()
        works_again.wait(PATIENCE_S)
        return reading.Counts(0, 0, 0)

    monkeypatch.setattr(reading, "counts", hang)
    keeper = keep()
    keeper.keep(wake("e1"))
    asking = threading.Thread(target=keeper.history.figures)
    asking.start()
    assert reads.wait(PATIENCE_S)
    keeper.history.close(0.1)
    assert asking.is_alive()
    works_again.set()
    asking.join(PATIENCE_S)
    assert not asking.is_alive()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "the disk is full"),
        (OSError(13, "Permission denied"), "cannot be written (Permission denied)"),
        (sqlite3.OperationalError("something new"), "cannot be written (OperationalError)"),
    ],
)
def test_each_trouble_is_one_line_that_says_what_to_do(tmp_path: Path, error: Exception, words: str) -> None:
    path = tmp_path / file.NAME
    line = trouble.of(error, path).line
    assert line.startswith(f"{path}: ")
    assert words in line
    assert "; " in line
    assert "\n" not in line


def test_a_read_only_file_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / file.NAME
    file.open_to_write(path).close()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute("DELETE FROM events")
        assert "read-only" in trouble.of(caught.value, path).line


def test_no_word_that_was_said_is_in_a_line_of_trouble_or_of_the_log(
    small_disk: Path, keep: MakeKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    keeper = keep(small_disk)
    keeper.keep(started("s", "c1"))
    fill(small_disk)
    n = 0
    while not keeper.problems:
        n += 1
        keeper.keep(*talk(f"c{n}", "rhubarb " * 500))
    assert "rhubarb" not in "".join(keeper.problems)
    assert "rhubarb" not in caplog.text


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_told_and_left_alone(
    tmp_path: Path, keep: MakeKeeper, make: Callable[[Path], None]
) -> None:
    path = tmp_path / file.NAME
    make(path)
    path.chmod(0o755)
    keeper = keep()
    keeper.until(lambda: keeper.problems)
    assert "cannot be written (this is no file)" in keeper.problems[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    path.rename(tmp_path / "elsewhere")
    keeper.until(lambda: keeper.problems[-1] == "")
    keeper.keep(*talk("now", "in a file"))
    assert [c.id for c in keeper.history.conversations(5)] == ["now"]
