import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from moshi_speaker.errors import MissingPartError
from moshi_speaker.selftest import Result, measure
from moshi_speaker.selftest.picture import draw, headline
from tests.selftest.rooms import Room, played_in
from tests.selftest.test_verdict import ECHO, GOOD


@pytest.fixture(scope="module")
def result() -> Result:
    return measure(*played_in(Room(), speech_s=8.0))


def test_the_picture_can_be_read_and_sent(result: Result, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "picture"
    draw(result, "a room of numbers", path)
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (1_200, 1_050)
    assert len(data) < 200 * 1024


def test_a_long_test_makes_no_larger_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw(measure(*played_in(Room(), speech_s=40.0)), "", tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size < 200 * 1024


def test_an_echo_that_is_never_audible_is_drawn_too(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw(measure(*played_in(Room(gain=0.003))), "", tmp_path / "picture.png")
    assert (tmp_path / "picture.png").exists()


def test_without_matplotlib_one_line_says_how_to_get_it(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPartError, match=r"^no picture without matplotlib; pip install matplotlib$"):
        draw(result, "", tmp_path / "picture.png")


def test_without_an_echo_there_is_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no echo"):
        draw(measure(*played_in(Room(gain=0.0))), "", tmp_path / "picture.png")


def test_the_title_has_the_key_figures() -> None:
    assert headline(GOOD, ECHO) == "Echo 31 dB softer · volume 70 % · delay 60 ms · clocks 2 ppm apart"
    poor = replace(ECHO, at_least=True, drift_ppm=None)
    assert headline(GOOD, poor) == "Echo at least 31 dB softer · volume 70 % · delay 60 ms"
