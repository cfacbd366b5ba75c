"""``moshi-speaker history`` as its user runs it."""

import io
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from moshi_speaker.history import editing, file, retention, schema
from tests.history.conftest import Run
from tests.history.record import LONG, NOW, Keeper, rows, said, talk


def test_the_list(run: Run, keeper: Keeper) -> None:
    code, out, err = run("list")
    assert (code, err) == (0, "")
    newest, oldest = out.splitlines()
    assert newest.split() == ["2027-01-15", "09:00", "-", "1", "utterance", "goes", "on", "c2"]
    assert oldest.split() == ["2027-01-15", "08:00", "0:03", "min", "2", "utterances", "silence", "c1"]
    assert run("list", "-n", "1")[1].splitlines() == [newest]
    assert run("list", "--since", "2027-01-15 08:30")[1].splitlines() == [newest]
    assert run("list", "--since", "2027-01-15T10:30:00.000+02:00")[1].splitlines() == [newest]
    assert run("list", "--since", "2027-01-16")[1] == "no conversation since 2027-01-16 00:00:00\n"


def test_one_conversation_is_shown_in_80_columns(run: Run, keeper: Keeper) -> None:
    code, out, _ = run("show", "c1")
    assert code == 0
    lines = out.splitlines()
    assert lines[:3] == [
        "conversation c1",
        "2027-01-15 08:00, by wake word; silence after 0:03 min",
        "08:00:01  Moshi Once upon a time.",
    ]
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines[3:]).split()).endswith(" ".join(LONG.split()))
    assert "it goes on" in run("show", "c2")[1]
    assert "  you Do you like ice cream?" in run("show", "c2")[1]


def test_the_search(run: Run, keeper: Keeper) -> None:
    assert run("search", "ICE", "cream")[1].splitlines() == [
        "2027-01-15 09:00  conversation c2",
        "            you Do you like ice cream?",
    ]
    assert "stormy" in run("search", "storm*", "--side", "assistant")[1]
    assert run("search", "storm*", "--side", "user")[1] == "nothing found\n"
    assert run("search", "cream ice")[1] == "nothing found\n"


@pytest.mark.parametrize("words", ["?!", '""', "*"])
def test_a_search_for_nothing(run: Run, keeper: Keeper, words: str) -> None:
    assert run("search", words) == (
        2,
        "",
        "moshi-speaker: there is no word to search for; name at least one\n",
    )


def test_the_first_day_of_all(run: Run, keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    assert run("list", "--since", "0001-01-01")[1].count("\n") == 2
    assert run("delete", "--before", "0001-01-01", "-y")[1] == "deleted 0 conversations\n"


def test_what_is_deleted_is_gone_while_the_speaker_runs(run: Run, keeper: Keeper, tmp_path: Path) -> None:
    assert run("delete", "c1", "--yes") == (0, "deleted 1 conversation\n", "")
    assert not any(b"stormy" in path.read_bytes() for path in tmp_path.iterdir())
    assert rows(tmp_path, "SELECT count(*) FROM words WHERE words MATCH 'stormy'") == [(0,)]
    assert [c.id for c in keeper.history.conversations(5)] == ["c2"]
    assert keeper.waiting() == ['{"id":"w1"}', '{"id":"s2"}', '{"text":"Do you like ice cream?"}']
    keeper.keep(*talk("c3", "And then?", at=NOW + 7_000))
    assert [c.id for c in keeper.history.conversations(5)] == ["c3", "c2"]
    assert keeper.problems == []


def test_deleting_by_date(run: Run, keeper: Keeper) -> None:
    assert run("delete", "--before", "2027-01-15 08:30", "-y")[1] == "deleted 1 conversation\n"
    assert [c.id for c in keeper.history.conversations(5)] == ["c2"]
    assert '{"id":"w1"}' not in keeper.waiting()


def test_of_an_interrupted_deletion_nothing_stays(
    run: Run, keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete_one(connection: sqlite3.Connection, condition: str, *values: object, unsent: bool) -> int:
        delete_sessions(connection, condition, *values, unsent=unsent)
        raise KeyboardInterrupt

    delete_sessions = retention.delete_sessions
    # Whole transactions stay: the interruption comes between two of them.
    with monkeypatch.context() as interrupted:
        interrupted.setattr(editing, "transaction", nullcontext)
        interrupted.setattr(retention, "delete_sessions", delete_one)
        code, out, err = run("delete", "c1", "--yes")
    assert (code, out) == (130, "")
    assert err.startswith("moshi-speaker: interrupted; what was deleted so far may still be on the disk")
    assert not any(b"stormy" in path.read_bytes() for path in tmp_path.iterdir())


def test_deleting_everything_deletes_damaged_files_too(run: Run, keeper: Keeper, tmp_path: Path) -> None:
    aside = tmp_path / f"{file.NAME}{file.ASIDE}2026-01-01T000000"
    aside.write_bytes(b"old words")
    code, _, err = run("delete", "c1", "--yes")
    assert code == 0
    assert str(aside) in err
    assert run("delete", "--all", "--yes") == (0, "deleted 1 conversation\n", "")
    assert not aside.exists()
    assert not any(b"ice cream" in path.read_bytes() for path in tmp_path.iterdir())
    keeper.keep(said("n", "c2", "A new word", at=NOW + 9_000))
    assert [c.id for c in keeper.history.conversations(5)] == ["c2"]
    assert keeper.waiting() == ['{"text":"A new word"}']


def test_with_the_history_off_no_file_stays(run: Run, keeper: Keeper, tmp_path: Path) -> None:
    keeper.close()
    (tmp_path / "config.yaml").write_text(
        f"speaker: {{state_dir: {tmp_path}}}\nhistory: {{keep_days: off}}\n"
    )
    assert run("delete", "--all", "--yes")[0] == 0
    assert [path.name for path in tmp_path.glob(f"{file.NAME}*")] == []
    assert run("delete", "--all", "--yes") == (0, "there is nothing to delete\n", "")


def test_it_asks_before_it_deletes(run: Run, keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run("delete", "--all")[0] == 130
    assert len(keeper.history.conversations(5)) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run("delete", "--all")[0] == 0
    assert keeper.history.conversations(5) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["delete"], "what shall be deleted?"),
        (["delete", "c1", "--all"], "what shall be deleted?"),
        (["list", "--since", "yesterday"], "'yesterday' is no date; write it as 2026-11-01 or"),
        (["delete", "--before", "2026-13-01"], "'2026-13-01' is no date; write it as 2026-11-01 or"),
        (["delete", "c9", "--yes"], "c9: there is no such conversation"),
        (["show", "c9"], "c9: there is no such conversation"),
        (["show", "\udcff"], "there is no such conversation"),
    ],
)
def test_what_cannot_be_done(run: Run, keeper: Keeper, arguments: list[str], words: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


COMMANDS = (["list"], ["show", "c1"], ["search", "x"], ["export"], ["delete", "c1", "-y"])


@pytest.mark.parametrize("command", COMMANDS)
def test_no_history(run: Run, command: list[str], tmp_path: Path) -> None:
    code, out, err = run(*command)
    assert (code, out) == (69, "")
    assert err == (
        f"moshi-speaker: {tmp_path / file.NAME}: there is no history yet; talk to the speaker first\n"
    )
    assert not (tmp_path / file.NAME).exists()


@pytest.mark.parametrize("command", [["list"], ["show", "c1"], ["search", "x"], ["export"]])
def test_a_history_in_which_nothing_was_written_yet(run: Run, command: list[str], tmp_path: Path) -> None:
    (tmp_path / file.NAME).touch()
    code, out, err = run(*command)
    assert (code, out) == (69, "")
    assert "there is no history yet" in err


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
@pytest.mark.parametrize("command", [*COMMANDS, ["delete", "--all", "-y"]])
def test_what_is_no_file_is_neither_opened_nor_waited_for(
    run: Run, command: list[str], tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / file.NAME)
    assert run(*command) == (
        1,
        "",
        f"moshi-speaker: {tmp_path / file.NAME}: this is no file; move it away\n",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_history_of_somebody_else(run: Run, command: list[str], tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0)
    (tmp_path / "config.yaml").write_text("speaker: {state_dir: state}\n")
    code, out, err = run(*command)
    assert (code, out) == (1, "")
    assert err.endswith(": cannot be used (Permission denied)\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_newer_history(run: Run, command: list[str], keeper: Keeper, tmp_path: Path) -> None:
    keeper.close()
    with closing(sqlite3.connect(tmp_path / file.NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    code, out, err = run(*command)
    assert (code, out) == (1, "")
    assert "newer moshi-speaker" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_damaged_history(run: Run, command: list[str], tmp_path: Path) -> None:
    (tmp_path / file.NAME).write_bytes(b"this is no database\n" * 1_000)
    code, _, err = run(*command)
    assert code == 1
    assert err == (
        f"moshi-speaker: {tmp_path / file.NAME}: this file is damaged; "
        "start the speaker: it saves what can be read\n"
    )
