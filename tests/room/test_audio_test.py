"""``moshi-speaker audio test`` on a virtual sound card whose microphone hears its loudspeaker."""

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.program import Program
from tests.room.soundcard import SoundCard, open_soundcard
from tests.test_bad_input import complaint

LOOPBACK = ("module-loopback", "source=speaker.monitor", "sink=mic_in", "latency_msec=60", "adjust_time=0")


def connect(card: SoundCard) -> None:
    """Let the microphone hear the loudspeaker, so much later."""
    environment = os.environ | card.environment
    command = ["pactl", "load-module", *LOOPBACK]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=20)


def test_the_loop_is_found_measured_and_cancelled(soundcard: SoundCard, tmp_path: Path) -> None:
    connect(soundcard)
    words = ("audio", "test", "--volume", "80", "--json", "figures.json", "--out", "picture.png")
    with Program(*words, home=tmp_path, environment=soundcard.environment) as program:
        assert program.wait() == 0, program.stderr.text
    assert "default / default" in program.stderr.text
    figures = json.loads((tmp_path / "figures.json").read_text())
    swept, echo = figures["findings"]["sweep"], figures["findings"]["echo"]
    assert swept["level_dbfs"] == pytest.approx(swept["played_dbfs"], abs=1.0)
    assert 60.0 <= swept["delay_ms"] < 400.0  # and what both streams hold beside the loop
    assert echo["located"]
    assert echo["open_after_s"] < 3.0
    # Where the machine is busy, the loop itself may lose sound: all but the worst moments count.
    assert np.percentile(figures["course"]["reduction_db"], 75) >= 20.0


def test_a_microphone_that_is_digitally_silent_exits_69(tmp_path: Path) -> None:
    words = ("audio", "test", "--seconds", "4")
    with (
        open_soundcard(hum=False) as card,
        Program(*words, home=tmp_path, environment=card.environment) as program,
    ):
        assert program.wait() == 69, program.stderr.text
    assert "problem: the microphone delivers only zeros" in program.stdout.text
    assert not (tmp_path / "audio-test.png").exists()


def test_ctrl_c_closes_the_device_without_a_word(soundcard: SoundCard, tmp_path: Path) -> None:
    with Program("audio", "test", home=tmp_path, environment=soundcard.environment) as program:
        said = program.stderr.expect("a sweep")
        code, _ = program.stop(signal.SIGINT)
        program.wait()
    assert code == 130
    assert program.stderr.text == said
    assert program.stdout.text == ""
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_an_unknown_device_is_named(soundcard: SoundCard, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("audio: {input_device: Jabra}\n")
    words = ("audio", "test", "--config", path)
    line = complaint(*words, home=tmp_path, code=69, **soundcard.environment)
    assert line.startswith("audio.input_device: no such device: 'Jabra'; choose one of: ")
