"""What lasts over a restart."""

import json
import logging
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from moshi_speaker.speaker.memory import FILE, Memory, Remembered


def whole(**changes: object) -> str:
    """A file in the present form."""
    return json.dumps(asdict(Remembered()) | changes)


def test_a_speaker_without_a_past_is_not_muted_and_as_loud_as_configured(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    assert not memory.muted
    assert memory.volume(70) == 70
    assert list(tmp_path.iterdir()) == []


def test_mute_and_volume_last(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "new" / "folder")
    memory.keep_muted(True)
    memory.keep_volume(30, configured=70)
    memory.write()
    assert not memory.due
    later = Memory(tmp_path / "new" / "folder")
    assert later.muted
    assert later.volume(70) == 30
    later.keep_muted(False)
    later.write()
    assert not Memory(tmp_path / "new" / "folder").muted
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == [FILE]


def test_another_volume_in_the_file_of_settings_wins(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.keep_volume(30, configured=70)
    memory.write()
    assert Memory(tmp_path).volume(50) == 50


def test_what_is_listened_for_lasts_until_the_file_of_settings_says_something_else(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    assert (memory.wake_word("hey_jarvis"), memory.wake_threshold(0.5)) == ("hey_jarvis", 0.5)
    memory.keep_wake_word("off", configured="hey_jarvis")
    memory.keep_wake_threshold(0.3, configured=0.5)
    memory.write()
    later = Memory(tmp_path)
    assert (later.wake_word("hey_jarvis"), later.wake_threshold(0.5)) == ("off", 0.3)
    assert (later.wake_word("alexa"), later.wake_threshold(0.6)) == ("alexa", 0.6)
    assert not later.muted and later.volume(70) == 70


def test_the_file_of_an_earlier_version_is_understood(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"muted": true, "volume": 30, "configured_volume": 70}\n')
    memory = Memory(tmp_path)
    assert memory.muted
    assert (memory.volume(70), memory.wake_word("alexa"), memory.wake_threshold(0.5)) == (30, "alexa", 0.5)
    memory.keep_muted(False)
    memory.write()
    assert not Memory(tmp_path).muted


def test_only_a_mute_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    memory = Memory(tmp_path)
    memory.keep_volume(30, configured=70)
    memory.write()
    assert not synced
    memory.keep_muted(True)
    memory.write()
    assert len(synced) == 2, "the file, and the folder in which it has its name"


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
        whole(wake_threshold=0),
        whole(wake_threshold=1.5),
        whole(wake_threshold=True),
        whole(configured_wake_threshold="0.5"),
        whole(wake_word=""),
        whole(wake_word=5),
        whole(configured_wake_word="x" * 256),
        whole(wake_threshold=float("nan")),
        whole(wake_threshold=10**400),
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
    memory.write()
    assert not Memory(tmp_path).muted


def test_a_file_that_cannot_be_read_means_muted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).mkdir()
    assert Memory(tmp_path).muted
    assert f"{tmp_path / FILE}: a folder, so the speaker starts muted" in caplog.text


def test_a_fifo_in_its_place_does_not_keep_the_speaker_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(tmp_path / FILE)
    memory = Memory(tmp_path)
    assert memory.muted
    assert "a FIFO, not a file, so the speaker starts muted" in caplog.text
    memory.keep_muted(False)
    memory.write()
    assert not Memory(tmp_path).muted


def test_what_cannot_be_written_holds_now_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    (tmp_path / "state").write_text("a file where a folder should be")
    memory = Memory(tmp_path / "state" / "deeper")
    caplog.clear()
    for on in (True, False, True):
        memory.keep_muted(on)
        memory.write()
        assert not memory.due, "it was tried"
    assert memory.muted
    assert len(caplog.messages) == 1
    assert "cannot be written" in caplog.messages[0]
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_without_a_folder_nothing_lasts() -> None:
    memory = Memory(None)
    memory.keep_muted(True)
    assert memory.muted and not memory.due
    memory.write()
    assert not Memory(None).muted
