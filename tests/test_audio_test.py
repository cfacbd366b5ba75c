"""``moshi-speaker audio test``: the command, over a room of numbers, and what a user gets wrong."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from moshi_speaker.cli import INTERRUPTED, main
from moshi_speaker.errors import DeviceError
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import parts
from tests.selftest.rooms import Room, RoomDevice
from tests.test_bad_input import complaint

Place = Callable[[RoomDevice], RoomDevice]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Lets the command find a device, in a home and a working folder of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)

    def put(device: RoomDevice) -> RoomDevice:
        def sound_device(settings: Settings, clock: Callable[[], float]) -> RoomDevice:
            return device

        monkeypatch.setattr(parts, "sound_device", sound_device)
        return device

    return put


def test_all_is_well(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    device = place(RoomDevice(Room()))
    assert main(["audio", "test", "--volume", "100", "--seconds", "6", "--json", "figures.json"]) == 0
    out, err = capsys.readouterr()
    assert err == "moshi-speaker: a room of numbers: silence, a sweep, speech; 14 s of silence, please\n"
    assert "At a volume of 100 %" in out
    assert re.search(r"^ok: +the microphone works; at rest it is at -66 dBFS$", out, re.MULTILINE)
    assert re.search(r"^ok: +the echo is reduced by \d\d dB, ", out, re.MULTILINE)
    assert out.endswith("written: figures.json, audio-test.png\n")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["device"] == "a room of numbers"
    assert {verdict["severity"] for verdict in figures["verdicts"]} == {"ok"}
    assert figures["findings"]["sweep"]["delay_ms"] == pytest.approx(60.0, abs=0.1)
    assert len(figures["course"]["seconds"]) == len(figures["course"]["reduction_db"]) > 20
    assert (tmp_path / "audio-test.png").read_bytes().startswith(b"\x89PNG")
    assert not device.open


def test_the_settings_say_how_loud_it_is(place: Place, tmp_path: Path) -> None:
    place(RoomDevice(Room()))
    (tmp_path / "quiet.yaml").write_text("audio: {volume: 60}\n")
    assert main(["audio", "test", "--config", "quiet.yaml", "--seconds", "4", "--json", "figures.json"]) == 0
    assert json.loads((tmp_path / "figures.json").read_text())["findings"]["volume"] == 60


def test_a_canceller_that_is_off_is_said(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place(RoomDevice(Room()))
    (tmp_path / "off.yaml").write_text("echo: {enabled: false, suppress_residual: false}\n")
    assert main(["audio", "test", "--config", "off.yaml", "--volume", "100", "--seconds", "4"]) == 0
    assert "warning: echo.enabled is false" in capsys.readouterr().out


def test_a_warning_is_no_failure(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place(RoomDevice(Room(noise_dbfs=-38.0)))
    assert main(["audio", "test", "--volume", "100", "--seconds", "4"]) == 0
    assert "warning: the room is noisy (-38 dBFS)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("room", "words"),
    [
        (Room(gain=0.0), "problem: nothing of the loudspeaker reaches the microphone"),
        (Room(gain=0.0, noise_dbfs=-9_999.0), "problem: the microphone delivers only zeros"),
    ],
)
def test_what_does_not_work_exits_69_and_is_not_drawn(
    room: Room, words: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place(RoomDevice(room))
    assert main(["audio", "test"]) == 69
    assert words in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_all_but_the_picture_is_there(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    place(RoomDevice(Room()))
    assert main(["audio", "test", "--volume", "100", "--seconds", "4", "--json", "figures.json"]) == 0
    out, err = capsys.readouterr()
    assert err.endswith("\nmoshi-speaker: no picture without matplotlib; pip install matplotlib\n")
    assert out.endswith("written: figures.json\n")
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]


def test_a_device_that_does_not_open_is_one_line(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place(RoomDevice(Room(), refuses=DeviceError("the microphone does not open", where="USB")))
    assert main(["audio", "test"]) == 69
    assert capsys.readouterr() == ("", "moshi-speaker: USB: the microphone does not open\n")


def test_ctrl_c_ends_it_in_peace(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    device = place(RoomDevice(Room()))

    def press(now: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(device, "check", press)
    monkeypatch.setattr(device, "start", lambda capture, render, lost: None)
    assert main(["audio", "test"]) == INTERRUPTED
    assert capsys.readouterr().out == ""
    assert not device.open
    assert list(tmp_path.iterdir()) == []


# --- Through the real command line --------------------------------------------------------------


def test_a_folder_that_is_not_there_is_no_place_for_the_picture(tmp_path: Path) -> None:
    line = complaint("audio", "test", "--out", "nowhere/a.png", home=tmp_path, code=2)
    assert line == "nowhere/a.png: cannot be written: No such file or directory; name another file with --out"


def test_a_folder_is_no_file_for_the_figures(tmp_path: Path) -> None:
    assert "is a directory" in complaint("audio", "test", "--json", tmp_path, home=tmp_path, code=2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_that_may_not_be_written_is_found_out_first(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.touch(mode=0o400)
    line = complaint("audio", "test", "--out", picture, home=tmp_path, code=2)
    assert line == f"{picture}: cannot be written: Permission denied; name another file with --out"


def test_a_device_file_is_no_place_for_the_figures(tmp_path: Path) -> None:
    line = complaint("audio", "test", "--json", "/dev/full", home=tmp_path, code=2)
    assert line == "/dev/full: this is no file; name another file with --json"


def test_picture_and_figures_need_a_file_each(tmp_path: Path) -> None:
    line = complaint("audio", "test", "--out", "a", "--json", "./a", home=tmp_path, code=2)
    assert line == "a: picture and figures need a file each; name another file with --json"


def test_a_volume_of_0_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mute.yaml"
    path.write_text("audio: {volume: 0}\n")
    line = complaint("audio", "test", "--config", path, home=tmp_path, code=2)
    assert line == "audio.volume: at 0 nothing would be heard; give --volume"


def test_a_wrong_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("audio:\n  volum: 3\n")
    line = complaint("audio", "test", "--config", path, home=tmp_path, code=78)
    assert line == f"{path}:2: unknown setting audio.volum; did you mean audio.volume?"


@pytest.mark.parametrize(
    "words", [("--volume", "0"), ("--volume", "101"), ("--seconds", "1"), ("--seconds", "nan"), ("--loud",)]
)
def test_a_wrong_option_is_named(words: tuple[str, ...], tmp_path: Path) -> None:
    assert words[0] in complaint("audio", "test", *words, home=tmp_path, code=2)
