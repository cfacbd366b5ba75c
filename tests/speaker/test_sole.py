"""Two speakers and one folder."""

import os
import stat
from pathlib import Path

import pytest

from moshi_speaker.errors import MissingPartError
from moshi_speaker.speaker.sole import FILE, sole_user


def test_a_second_speaker_is_kept_out_in_one_line_until_the_first_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with sole_user(folder):
        assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
        with pytest.raises(MissingPartError) as caught, sole_user(folder):
            pass
        assert str(caught.value) == (
            f"{folder}: another speaker uses this folder; "
            "stop that one, or give this one another speaker.state_dir"
        )
    with sole_user(folder):
        pass


def test_a_folder_that_cannot_be_used_stops_nobody(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with sole_user(file), sole_user(file):
        pass


def test_a_fifo_in_place_of_the_lock_keeps_nobody_out_and_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE)
    with sole_user(tmp_path), sole_user(tmp_path):
        pass
