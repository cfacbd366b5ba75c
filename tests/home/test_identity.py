import os
from pathlib import Path

import pytest

from moshi_speaker.errors import ConfigError
from moshi_speaker.home.identity import device_id


def test_the_configured_id_wins_and_leaves_no_file(tmp_path: Path) -> None:
    assert device_id("kitchen", tmp_path / "state") == "kitchen"
    assert list(tmp_path.iterdir()) == []


def test_an_id_is_made_once_and_stays(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    made = device_id(None, folder)
    assert len(made) == 8
    assert device_id(None, folder) == made
    assert [path.name for path in folder.iterdir()] == ["id"]


def test_two_speakers_get_different_ids(tmp_path: Path) -> None:
    assert device_id(None, tmp_path / "one") != device_id(None, tmp_path / "two")


@pytest.mark.parametrize("content", ["", "two words", "a/b", "é", "x" * 65])
def test_a_broken_id_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "id").write_text(content)
    with pytest.raises(ConfigError, match=r"id: this is no speaker id; delete the file, or set speaker\.id"):
        device_id(None, tmp_path)


def test_a_state_dir_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(ConfigError, match=r"state/id: the speaker's id cannot be read \(Not a directory\)"):
        device_id(None, tmp_path / "state")


def test_a_state_dir_that_cannot_be_made_is_named() -> None:
    with pytest.raises(ConfigError, match=r"/proc/nowhere/id: .*cannot be written"):
        device_id(None, Path("/proc/nowhere"))


def test_a_fifo_in_its_place_is_no_id_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "id")
    with pytest.raises(ConfigError, match=r"the speaker's id cannot be read \(a FIFO, not a file\)"):
        device_id(None, tmp_path)
