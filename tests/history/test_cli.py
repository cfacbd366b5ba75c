"""``moshi-speaker history`` as its user runs it."""

import csv
import io
import json
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from moshi_speaker.cli import main
from moshi_speaker.events import Side
from moshi_speaker.history import file, schema
from tests.history.conftest import MakeKeeper
from tests.history.record import NOW, Keeper, rows, said, started, talk, wake

Run = Callable[..., tuple[int, str, str]]
LONG = "It was a dark and stormy night; the rain fell in torrents, except at occasional intervals. " * 3


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs ``history`` with arguments: exit code, output, complaints."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / "config.yaml"
    config.write_text(f"speaker: {{state_dir: {tmp_path}}}\n")

    def run_history(command: str, *arguments: str) -> tuple[int, str, str]:
        code = main(["history", command, *arguments, "--config", str(config)])
        out, err = capsys.readouterr()
        return code, out, err

    yield run_history
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def keeper(keep: MakeKeeper) -> Keeper:
    """A history that goes on during the test, as that of a speaker that runs."""
    keeper = keep()
    keeper.keep(*talk("c1", "Once upon a time.", LONG, at=NOW), wake("w1", NOW + 20))
    keeper.keep(started("s2", "c2", NOW + 3_600))
    keeper.keep(said("u", "c2", "Do you like ice cream?", side=Side.USER, turns=0, at=NOW + 3_602))
    return keeper


def test_the_list(run: Run, keeper: Keeper) -> None:
    code, out, err = run("list")
    assert (code, err) == (0, "")
    newest, oldest = out.splitlines()
    assert newest.split() == ["2027-01-15", "09:00", "-", "1", "utterance", "goes", "on", "c2"]
    assert oldest.split() == ["2027-01-15", "08:00", "0:03", "min", "2", "utterances", "silence", "c1"]
    assert run("list", "-n", "1")[1].splitlines() == [newest]
    assert run("list", "--since", "2027-01-15 08:30")[1].splitlines() == [newest]
    assert run("list", "--since", "2027-01-16")[1] == "no conversation so far\n"


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


def test_the_export_as_json(run: Run, keeper: Keeper, tmp_path: Path) -> None:
    code, out, _ = run("export")
    exported = json.loads(out)
    assert code == 0
    assert [talk["id"] for talk in exported["conversations"]] == ["c1", "c2"]
    assert exported["conversations"][0]["started"] == "2027-01-15T08:00:00.000+00:00"
    assert exported["conversations"][1] == {
        "id": "c2",
        "trigger": "wake_word",
        "started": "2027-01-15T09:00:00.000+00:00",
        "ended": None,
        "reason": None,
        "duration_s": None,
        "turns": 0,
        "utterances": [
            {"side": "user", "at": "2027-01-15T09:00:02.000+00:00", "text": "Do you like ice cream?"}
        ],
    }
    assert exported["wakes"] == [{"at": "2027-01-15T08:00:20.000+00:00", "event": {"id": "w1"}}]
    target = tmp_path / "out.json"
    assert run("export", str(target), "--since", "2027-01-15 08:30") == (0, "", "")
    assert [talk["id"] for talk in json.loads(target.read_text())["conversations"]] == ["c2"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_the_export_as_csv(run: Run, keeper: Keeper) -> None:
    keeper.keep(said("f", "c2", "=1+1", turns=1, at=NOW + 3_603), started("s3", "c3", NOW + 4_000))
    out = run("export", "--format", "csv")[1]
    heading, *lines = csv.reader(io.StringIO(out))
    assert heading == ["conversation", "trigger", "started", "ended", "reason", "side", "at", "text"]
    assert [line[7] for line in lines] == [
        "Once upon a time.",
        LONG,
        "Do you like ice cream?",
        "'=1+1",
        "",
    ]
    assert lines[2][:6] == ["c2", "wake_word", "2027-01-15T09:00:00.000+00:00", "", "", "user"]


def test_an_export_that_cannot_be_written(run: Run, keeper: Keeper, tmp_path: Path) -> None:
    code, _, err = run("export", str(tmp_path / "no" / "such" / "folder.json"))
    assert code == 2
    assert err.count("\n") == 1
    assert "cannot be written" in err


def test_what_is_deleted_is_gone_while_the_speaker_runs(run: Run, keeper: Keeper, tmp_path: Path) -> None:
    assert run("delete", "c1", "--yes") == (0, "deleted 1 conversations\n", "")
    assert not any(b"stormy" in path.read_bytes() for path in tmp_path.iterdir())
    assert rows(tmp_path, "SELECT count(*) FROM words WHERE words MATCH 'stormy'") == [(0,)]
    assert [c.id for c in keeper.history.conversations(5)] == ["c2"]
    assert keeper.waiting() == ['{"id":"w1"}', '{"id":"s2"}', '{"text":"Do you like ice cream?"}']
    keeper.keep(*talk("c3", "And then?", at=NOW + 7_000))
    assert [c.id for c in keeper.history.conversations(5)] == ["c3", "c2"]
    assert keeper.problems == []


def test_deleting_by_date(run: Run, keeper: Keeper) -> None:
    assert run("delete", "--before", "2027-01-15 08:30", "-y")[1] == "deleted 1 conversations\n"
    assert [c.id for c in keeper.history.conversations(5)] == ["c2"]
    assert '{"id":"w1"}' not in keeper.waiting()


def test_deleting_everything_deletes_damaged_files_too(run: Run, keeper: Keeper, tmp_path: Path) -> None:
    aside = tmp_path / f"{file.NAME}{file.ASIDE}2026-01-01T000000"
    aside.write_bytes(b"old words")
    code, _, err = run("delete", "c1", "--yes")
    assert code == 0
    assert str(aside) in err
    assert run("delete", "--all", "--yes") == (0, "deleted 1 conversations\n", "")
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
