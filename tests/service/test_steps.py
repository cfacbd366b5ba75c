"""Files are written whole, commands run without a shell, failures are one line."""

import sys
from pathlib import Path

import pytest

from moshi_speaker.errors import SpeakerError
from moshi_speaker.service.steps import NOT_FOUND, Result, run_command
from tests.service.fakes import FAILED, Told, files_in


def test_a_file_is_written_for_all_to_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "deep/er/file"
    told = Told()
    told.steps.write(path, b"one")
    told.steps.write(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o644
    assert files_in(tmp_path) == ["deep", "deep/er", "deep/er/file"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SpeakerError, match="cannot be written") as caught:
        Told().steps.write(tmp_path / "file/below", b"")
    assert str(tmp_path / "file/below") in str(caught.value)
    with pytest.raises(SpeakerError, match="cannot be made"):
        Told().steps.make_folder(tmp_path / "file/below")


def test_a_dry_run_says_everything_and_does_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"")
    told = Told(dry_run=True)
    told.steps.write(tmp_path / "new", b"content")
    told.steps.make_folder(tmp_path / "folder")
    told.steps.remove(kept)
    told.steps.run("tool", "with space")
    assert files_in(tmp_path) == ["kept"]
    assert told.runner.commands == []
    assert told.lines == [
        f"would write {tmp_path / 'new'}:\ncontent",
        f"would make {tmp_path / 'folder'}",
        f"would remove {kept}",
        "would run tool 'with space'",
    ]


@pytest.mark.parametrize(
    ("result", "line"),
    [(Result(5, "no\nway\n"), "tool x failed: no way"), (FAILED, "tool x failed: exit status 1")],
)
def test_a_command_that_fails_is_said_with_its_reason_in_one_line(result: Result, line: str) -> None:
    told = Told()
    told.runner.answer("tool", result)
    with pytest.raises(SpeakerError) as caught:
        told.steps.run("tool", "x")
    assert str(caught.value) == line


def test_a_real_command_gives_its_status_and_both_outputs() -> None:
    script = "import sys; print('out'); print('error', file=sys.stderr); sys.exit(3)"
    assert run_command(sys.executable, "-c", script) == Result(3, "out\nerror\n")


def test_a_missing_command_is_a_result_too() -> None:
    assert run_command("no-such-command-here").status == NOT_FOUND
