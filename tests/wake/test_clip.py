"""The clip of what woke the speaker: only if asked for, whole or not at all, and never in the way."""

import logging
import stat
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker.settings import Settings
from moshi_speaker.speaker import parts
from moshi_speaker.wake import auto
from moshi_speaker.wake.clip import LastWakeClip
from moshi_speaker.wake.detector import CHUNK_SAMPLES, Detector, WakeChunk
from moshi_speaker.wake.policy import WakePolicy
from tests.wake.scripted import ScriptedEngine, hear

ONE = WakePolicy(threshold=0.5, patience=1, refractory_s=0.0)


def numbered(number: int) -> WakeChunk:
    """A chunk that can be recognised."""
    return np.full(CHUNK_SAMPLES, number, np.int16)


def numbers(path: Path) -> list[int]:
    """Which chunks are in a clip."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return [int(number) for number in sound.reshape(-1, CHUNK_SAMPLES)[:, 0]]


def test_the_latest_three_seconds_are_written_for_their_owner_only(tmp_path: Path) -> None:
    clip = LastWakeClip(tmp_path / "state")
    for number in range(50):
        clip.hear(numbered(number))
    clip.keep()
    clip.hear(numbered(50))
    clip.close()
    clip.close()
    (path,) = (tmp_path / "state").iterdir()
    assert path.name == "last-wake.wav"
    assert numbers(path) == list(range(12, 50))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_clip_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    for number in (1, 2):
        clip = LastWakeClip(tmp_path)
        clip.hear(numbered(7))
        clip.reset()
        clip.hear(numbered(number))
        clip.keep()
        clip.close()
    (path,) = tmp_path.iterdir()
    assert numbers(path) == [2]


def test_a_folder_that_cannot_be_written_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file")
    clip = LastWakeClip(tmp_path / "state")
    clip.hear(numbered(1))
    clip.keep()
    clip.close()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "last-wake.wav: cannot be written: File exists" in record.getMessage()


def test_a_full_disk_leaves_no_half_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: wave.Wave_write, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wave.Wave_write, "writeframes", full)
    clip = LastWakeClip(tmp_path)
    clip.hear(numbered(1))
    clip.keep()
    clip.close()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_hangs_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, go_on = threading.Event(), threading.Event()
    written: list[int] = []

    def hang(path: Path, sound: bytes) -> None:
        hanging.set()
        assert go_on.wait(10.0)
        written.append(len(sound))

    monkeypatch.setattr("moshi_speaker.wake.clip._replace", hang)
    clip = LastWakeClip(tmp_path)
    clip.hear(numbered(1))
    clip.keep()
    assert hanging.wait(10.0)
    clip.hear(numbered(2))
    clip.keep()
    go_on.set()
    clip.close()
    assert written == [2 * CHUNK_SAMPLES], "the second would have had to wait"


def test_a_detection_keeps_what_led_to_it(tmp_path: Path) -> None:
    clip = LastWakeClip(tmp_path)
    detector = Detector(ScriptedEngine(hey_test=[0.0, 0.9]), ONE, clip=clip, gate_chunks=0)
    assert len(hear(detector, 5)) == 1
    detector.close()
    assert numbers(tmp_path / "last-wake.wav") == [0, 0]


@pytest.mark.parametrize("keep", [False, True])
def test_nothing_is_written_unless_a_setting_says_so(
    keep: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ScriptedEngine(hey_test=[0.0] * 16 + [0.9] * 2)
    monkeypatch.setattr(auto, "open_engine", lambda settings: engine)
    given = {"speaker": {"state_dir": tmp_path / "state"}, "wake": {"keep_clip": keep}}
    detector = parts.detector(Settings.model_validate(given))
    assert detector is not None
    assert len(hear(detector, 20)) == 1
    detector.close()
    assert (tmp_path / "state" / "last-wake.wav").exists() is keep
    assert (tmp_path / "state").exists() is keep
