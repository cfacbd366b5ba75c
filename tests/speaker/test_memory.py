"""What lasts over a restart."""

import logging
from pathlib import Path

import pytest

from moshi_speaker.speaker.memory import FILE, Memory


def test_a_speaker_without_a_past_is_not_muted_and_as_loud_as_configured(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    assert not memory.muted
    assert memory.volume(70) == 70
    assert list(tmp_path.iterdir()) == []


def test_mute_and_volume_last(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "new" / "folder")
    memory.keep_muted(True)
    memory.keep_volume(30, configured=70)
    later = Memory(tmp_path / "new" / "folder")
    assert later.muted
    assert later.volume(70) == 30
    later.keep_muted(False)
    assert not Memory(tmp_path / "new" / "folder").muted
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == [FILE]


def test_another_volume_in_the_file_of_settings_wins(tmp_path: Path) -> None:
    Memory(tmp_path).keep_volume(30, configured=70)
    assert Memory(tmp_path).volume(50) == 50


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        "[]",
        "{}",
        '{"muted": 0, "volume": null, "configured_volume": null}',
        '{"muted": false, "volume": 101, "configured_volume": 70}',
        '{"muted": false, "volume": 5.5, "configured_volume": 70}',
        '{"muted": false, "volume": true, "configured_volume": 70}',
        '{"muted": false, "volume": 5, "configured_volume": 70, "more": 1}',
        "\udcff",
    ],
)
def test_a_file_that_makes_no_sense_means_muted_and_is_told_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8", errors="surrogateescape")
    memory = Memory(tmp_path)
    assert memory.muted
    assert memory.volume(70) == 70
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path / FILE}: makes no sense")
    assert "delete the file" in message
    memory.keep_muted(False)
    assert not Memory(tmp_path).muted


def test_a_file_that_cannot_be_read_means_muted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).mkdir()
    assert Memory(tmp_path).muted
    assert "cannot be read (Is a directory)" in caplog.text


def test_what_cannot_be_written_holds_now_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    (tmp_path / "state").write_text("a file where a folder should be")
    memory = Memory(tmp_path / "state" / "deeper")
    caplog.clear()
    memory.keep_muted(True)
    memory.keep_muted(False)
    memory.keep_muted(True)
    assert memory.muted
    assert len(caplog.messages) == 1
    assert "cannot be written" in caplog.messages[0]
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_without_a_folder_nothing_lasts() -> None:
    memory = Memory(None)
    memory.keep_muted(True)
    assert memory.muted
    assert not Memory(None).muted
