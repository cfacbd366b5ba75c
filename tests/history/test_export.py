"""``moshi-speaker history export``: whole, or not at all."""

import csv
import errno
import io
import json
import os
import stat
from pathlib import Path
from typing import TextIO

import pytest

from moshi_speaker.history import exporting, file
from tests.history.conftest import Run
from tests.history.record import LONG, NOW, Keeper, said, started


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


@pytest.mark.parametrize("name", [file.NAME, f"{file.NAME}-wal", f"{file.NAME}{file.ASIDE}2026-01-01T000000"])
def test_an_export_never_goes_into_the_history_itself(
    run: Run, keeper: Keeper, tmp_path: Path, name: str
) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / name)
    for target in (tmp_path / name, tmp_path / "link.json"):
        code, _, err = run("export", str(target))
        assert (code, err) == (
            2,
            f"moshi-speaker: {target}: this file is the history itself; name another file\n",
        )
    assert run("list", "-n", "1")[0] == 0


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_an_export_that_ends_early_leaves_the_one_before(
    run: Run, keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    target = tmp_path / "out.json"
    target.write_text("the one before")

    def write_some(connection: object, file: TextIO, since: float) -> None:
        file.write("{")
        raise failure

    monkeypatch.setattr(exporting, "write_json", write_some)
    assert run("export", str(target))[0] in (130, 2)
    assert target.read_text() == "the one before"
    assert [path.name for path in tmp_path.iterdir() if "out.json" in path.name] == ["out.json"]


def test_an_export_goes_to_a_device_as_it_comes(run: Run, keeper: Keeper) -> None:
    assert run("export", os.devnull) == (0, "", "")


def test_an_export_to_a_closed_screen(run: Run, keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as closed:
        closed.setattr("sys.stdout", None)
        code = run("export")[0]
    assert code == 1
