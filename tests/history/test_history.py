import logging
import sqlite3
import stat
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from moshi_speaker.events import Side
from moshi_speaker.events.backlog import Backlog
from moshi_speaker.history import file, history, schema, store, writer
from moshi_speaker.history.buffer import Entry
from moshi_speaker.history.history import History
from moshi_speaker.settings import HistorySettings
from tests.history.conftest import MakeKeeper
from tests.history.record import NOW, ended, payloads, rows, said, started, talk, wake


def test_it_is_the_backlog_of_the_link(tmp_path: Path) -> None:
    backlog: Backlog = History(tmp_path, HistorySettings())
    assert not backlog.after(0, 1)


def test_what_happened_waits_for_the_broker_in_order(keep: MakeKeeper) -> None:
    keeper = keep()
    happened = [wake("e1"), *talk("c1", "Hello", "there"), wake("e2")]
    keeper.keep(*happened)
    assert keeper.waiting() == payloads(happened)
    assert keeper.history.figures().waiting == len(happened)
    numbers = [event.number for event in keeper.history.after(0, 100)]
    assert numbers == sorted(set(numbers))
    assert [event.number for event in keeper.history.after(numbers[1], 2)] == numbers[2:4]


def test_what_the_broker_has_does_not_wait_any_more(keep: MakeKeeper, tmp_path: Path) -> None:
    keeper = keep()
    keeper.keep(*(wake(f"e{n}") for n in range(4)))
    first, second, *_ = keeper.history.after(0, 10)
    keeper.history.confirm(first.number)
    keeper.history.confirm(second.number)
    assert keeper.waiting() == ['{"id":"e2"}', '{"id":"e3"}']
    assert keeper.history.figures().waiting == 2
    keeper.close()
    assert rows(tmp_path, "SELECT payload FROM outbox") == [('{"id":"e2"}',), ('{"id":"e3"}',)]


def test_confirmations_are_gathered_for_one_commit(
    keep: MakeKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, commits = store.keep, list[int]()

    def count(connection: sqlite3.Connection, entries: Sequence[Entry], confirmed: Sequence[int]) -> None:
        commits.append(len(confirmed))
        kept(connection, entries, confirmed)

    monkeypatch.setattr(store, "keep", count)
    keeper = keep()
    keeper.keep(*(wake(f"e{n}") for n in range(100)))
    commits.clear()
    keeper.send_all()
    keeper.until(lambda: rows(tmp_path, "SELECT count(*) FROM outbox") == [(0,)])
    assert sum(commits) == 100
    assert len(commits) <= 2  # two on a machine that stops for half a second in between


def test_what_waits_outlives_the_process_with_its_numbers(keep: MakeKeeper) -> None:
    first = keep()
    first.keep(wake("e1"), wake("e2"))
    numbers = [event.number for event in first.history.after(0, 10)]
    first.close()
    second = keep()
    second.keep(wake("f1"))
    events = second.history.after(0, 10)
    assert [event.payload for event in events] == ['{"id":"e1"}', '{"id":"e2"}', '{"id":"f1"}']
    assert [event.number for event in events][:2] == numbers
    assert events[2].number > numbers[1]


def test_numbers_rise_though_all_has_been_sent_and_deleted(keep: MakeKeeper, tmp_path: Path) -> None:
    first = keep()
    first.keep(wake("e1"), wake("e2"))
    last = first.history.after(0, 10)[-1].number
    first.send_all()
    first.close()
    with sqlite3.connect(tmp_path / file.NAME) as connection:
        connection.execute("DELETE FROM events")
    connection.close()
    second = keep()
    second.keep(wake("f1"))
    assert second.history.after(0, 10)[0].number > last


def test_an_event_that_is_recorded_twice_is_kept_once(keep: MakeKeeper, tmp_path: Path) -> None:
    keeper = keep()
    keeper.keep(wake("e1"))
    keeper.keep(wake("e1"))
    assert rows(tmp_path, "SELECT count(*) FROM events") == [(1,)]


def test_what_is_not_for_the_broker_is_kept_but_does_not_wait(keep: MakeKeeper) -> None:
    keeper = keep()
    start, word, end = talk("c1", "private")
    silent = said("e9", "c1", "secret", turns=2)
    object.__setattr__(silent, "topic", None)
    keeper.keep(start, word, silent, end)
    assert keeper.waiting() == payloads([start, word, end])
    (conversation,) = keeper.history.conversations(5)
    assert [utterance.text for utterance in conversation.utterances] == ["private", "secret"]


def test_conversations_are_given_newest_first_with_the_sides_that_are_wanted(keep: MakeKeeper) -> None:
    keeper = keep()
    keeper.keep(*talk("c1", "one"), started("s", "c2", NOW + 60))
    keeper.keep(
        said("u", "c2", "What time is it?", side=Side.USER, turns=0, at=NOW + 61),
        said("a", "c2", "Half past two.", at=NOW + 62),
    )
    newest, oldest = keeper.history.conversations(10)
    assert [(u.side, u.text) for u in newest.utterances] == [
        (Side.USER, "What time is it?"),
        (Side.ASSISTANT, "Half past two."),
    ]
    assert (newest.id, newest.ended, newest.turns, newest.trigger) == ("c2", None, 1, "wake_word")
    assert (oldest.id, oldest.reason, oldest.duration_s, oldest.started) == ("c1", "silence", 2.0, NOW)
    (only,) = keeper.history.conversations(1, [Side.ASSISTANT])
    assert [u.text for u in only.utterances] == ["Half past two."]
    assert keeper.history.conversations(1, [])[0].utterances == ()


def test_a_conversation_that_was_cut_off_ends_with_its_last_sign_of_life(
    keep: MakeKeeper, tmp_path: Path
) -> None:
    keeper = keep()
    keeper.keep(started("s", "c1"), said("a", "c1", "Once upon a", at=NOW + 7.5))
    keeper.close()
    with sqlite3.connect(tmp_path / file.NAME) as connection:  # as if it had been killed before more
        connection.execute("UPDATE sessions SET turns = 0")
    connection.close()
    again = keep()
    again.until(lambda: again.history.conversations(1))
    (conversation,) = again.history.conversations(1)
    assert (conversation.reason, conversation.ended) == ("crash", NOW + 7.5)
    assert (conversation.duration_s, conversation.turns) == (7.5, 1)


def test_a_conversation_whose_beginning_was_deleted_goes_on(keep: MakeKeeper, tmp_path: Path) -> None:
    keeper = keep()
    keeper.keep(said("a", "c1", "and so", turns=3, at=NOW + 3), ended("e", "c1", NOW + 5, duration_s=5.0))
    (conversation,) = keeper.history.conversations(1)
    assert (conversation.id, conversation.reason, conversation.ended) == ("c1", "silence", NOW + 5)


def test_the_file_is_private_and_so_are_those_beside_it(keep: MakeKeeper, tmp_path: Path) -> None:
    keeper = keep(tmp_path / "state")
    keeper.keep(wake("e1"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    assert modes == dict.fromkeys((f"history.sqlite3{suffix}" for suffix in file.SUFFIXES), 0o600)


def test_a_file_that_others_may_read_is_made_private(keep: MakeKeeper, tmp_path: Path) -> None:
    keeper = keep()
    keeper.keep(wake("e1"))
    keeper.close()
    (tmp_path / file.NAME).chmod(0o644)
    keep().keep(wake("e2"))
    assert stat.S_IMODE((tmp_path / file.NAME).stat().st_mode) == 0o600


def test_an_orderly_end_leaves_one_file(keep: MakeKeeper, tmp_path: Path) -> None:
    keeper = keep()
    keeper.keep(*talk("c1", "Hello"))
    keeper.history.conversations(1)
    keeper.close()
    keeper.close()
    assert [path.name for path in tmp_path.iterdir()] == [file.NAME]


def test_its_figures(keep: MakeKeeper) -> None:
    keeper = keep()
    keeper.keep(*talk("c1", "one", "two"))
    keeper.history.confirm(keeper.history.after(0, 1)[0].number)
    figures = keeper.history.figures()
    assert (figures.conversations, figures.utterances, figures.waiting, figures.dropped) == (1, 2, 3, 0)
    assert figures.bytes > 0


def test_halves_of_characters_do_no_harm(keep: MakeKeeper) -> None:
    keeper = keep()
    keeper.keep(started("s", "c1"), said("a", "c1", "a\ud83d b"), wake("e2"))
    assert keeper.history.conversations(1)[0].utterances[0].text == "a? b"
    assert keeper.problems == []


def test_a_newer_file_is_refused_untouched_and_all_goes_on_in_memory(
    keep: MakeKeeper, tmp_path: Path
) -> None:
    first = keep()
    first.keep(wake("e1"))
    first.close()
    path = tmp_path / file.NAME
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    before = path.read_bytes()
    second = keep()
    second.record(wake("f1"))
    second.until(lambda: second.problems)
    second.record(wake("f2"))
    second.until(lambda: len(second.waiting()) == 2)
    assert second.send_all() == ['{"id":"f1"}', '{"id":"f2"}']
    assert second.waiting() == []
    second.close()
    assert path.read_bytes() == before
    (line,) = second.problems
    assert "newer moshi-speaker" in line
    assert str(path) in line
    assert "\n" not in line


# --- Off ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("nowhere", [True, False])
def test_off_means_memory_alone(keep: MakeKeeper, tmp_path: Path, nowhere: bool) -> None:
    keeper = keep(None) if nowhere else keep(keep_days="off")
    start, word, end = talk("c1", "Hello")
    keeper.record(start, word, end)
    assert keeper.waiting() == payloads([start, word, end])
    assert keeper.history.figures().waiting == 3
    assert keeper.send_all()
    assert keeper.waiting() == []
    assert keeper.history.conversations(5) == []
    assert (keeper.history.figures().bytes, keeper.history.figures().waiting) == (0, 0)
    keeper.close()
    assert list(tmp_path.iterdir()) == []
    assert not any(thread.name == "history" for thread in threading.enumerate())


def test_off_says_how_to_delete_what_was_kept_before_and_does_not_touch_it(
    keep: MakeKeeper, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = keep()
    first.keep(*talk("c1", "Hello"))
    first.close()
    before = (tmp_path / file.NAME).read_bytes()
    keep(keep_days="off").close()
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "moshi-speaker history delete --all" in line
    assert (tmp_path / file.NAME).read_bytes() == before


def test_memory_is_bounded_and_the_oldest_goes(keep: MakeKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_IN_MEMORY", 3)
    keeper = keep(None)
    keeper.record(*(wake(f"e{n}") for n in range(5)))
    assert keeper.waiting() == ['{"id":"e2"}', '{"id":"e3"}', '{"id":"e4"}']
    assert keeper.history.dropped == 2


# --- The event loop -----------------------------------------------------------------------------


def test_whoever_records_does_not_wait_for_the_disk(
    keep: MakeKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on, entered = threading.Event(), threading.Event()
    keep_rows = store.keep

    def hang(*args: object) -> None:
        entered.set()
        may_go_on.wait(20.0)
        keep_rows(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "keep", hang)
    keeper = keep()
    keeper.record(wake("e0"))
    assert entered.wait(20.0)
    before = time.monotonic()
    keeper.record(*(wake(f"e{n}") for n in range(1, 100)))
    took = time.monotonic() - before
    assert keeper.waiting() == []  # not before they are kept
    may_go_on.set()
    assert keeper.history.settle(20.0)
    assert len(keeper.waiting()) == 100
    assert took < 1.0


def test_several_that_wait_are_one_commit(keep: MakeKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    first = threading.Event()
    keep_rows = store.keep

    def count(connection: sqlite3.Connection, entries: list[object], confirmed: list[int]) -> None:
        sizes.append(len(entries))
        first.wait(20.0)
        keep_rows(connection, entries, confirmed)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "keep", count)
    keeper = keep()
    keeper.record(wake("e0"))
    keeper.until(lambda: sizes)
    keeper.record(*(wake(f"e{n}") for n in range(1, 50)))
    first.set()
    assert keeper.history.settle(20.0)
    assert sizes == [1, 49]


def test_the_outbox_is_bounded_and_the_oldest_goes(keep: MakeKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_OUTBOX", 10)
    keeper = keep()
    keeper.keep(*(wake(f"e{n}") for n in range(8)))
    keeper.keep(*(wake(f"e{n}") for n in range(8, 15)))
    keeper.until(lambda: len(keeper.waiting()) == 10)
    assert keeper.waiting() == [f'{{"id":"e{n}"}}' for n in range(5, 15)]
    assert keeper.history.dropped == 5
    assert keeper.history.figures().waiting == 10
