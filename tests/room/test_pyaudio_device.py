"""The real PyAudio device on a virtual sound card."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.audio.device import STALL_SECONDS, PyAudioDevice, list_devices
from moshi_speaker.audio.frames import FRAME_SECONDS, SAMPLE_RATE, Samples
from moshi_speaker.audio.wavfile import write_wav
from moshi_speaker.errors import DeviceError
from tests.room.soundcard import SoundCard, read_recording

WAIT_S = 15.0


def sine(hertz: float, seconds: float) -> Samples:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.4 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def loudest_pitch(sound: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(sound))


class Person:
    """Hums at 440 Hz and remembers what is heard."""

    def __init__(self) -> None:
        self.blocks: list[tuple[Samples, float, float]] = []
        self.hears = threading.Event()
        self.hears_a_tone = threading.Event()
        self._loud = 0
        self.lost: list[str] = []
        self._sung = 0

    def capture(self, samples: Samples, at: float) -> None:
        self.blocks.append((samples, at, time.monotonic()))
        self.hears.set()
        self._loud += int(np.count_nonzero(np.abs(samples) > 0.01))
        if self._loud > 0.5 * SAMPLE_RATE:
            self.hears_a_tone.set()

    def render(self, n: int, at: float) -> Samples:
        self._sung += n
        t = (self._sung - n + np.arange(n)) / SAMPLE_RATE
        return (0.3 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)

    def sound(self) -> Samples:
        return np.concatenate([samples for samples, _, _ in self.blocks])


@pytest.fixture
def plugged(soundcard: SoundCard, monkeypatch: pytest.MonkeyPatch) -> SoundCard:
    for name, value in soundcard.environment.items():
        monkeypatch.setenv(name, value)
    return soundcard


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture
def device(plugged: SoundCard, person: Person) -> Iterator[PyAudioDevice]:
    device = PyAudioDevice(None, "DEFAULT", time.monotonic)
    device.start(person.capture, person.render, person.lost.append)
    yield device
    device.stop()


def test_what_is_spoken_is_heard_and_what_is_played_comes_out(
    plugged: SoundCard, device: PyAudioDevice, person: Person, tmp_path: Path
) -> None:
    assert device.description == "default / default"
    assert person.hears.wait(WAIT_S)
    write_wav(tmp_path / "tone.wav", sine(1000, 0.6))
    with plugged.recording(tmp_path / "played.raw"):
        plugged.speak(tmp_path / "tone.wav")
    assert person.hears_a_tone.wait(WAIT_S)
    device.check(time.monotonic())
    device.stop()
    assert loudest_pitch(person.sound()) == pytest.approx(1000, abs=5)
    played = read_recording(tmp_path / "played.raw")
    assert len(played) > 0.3 * SAMPLE_RATE
    assert loudest_pitch(played) == pytest.approx(440, abs=5)
    assert not person.lost


def test_capture_times_are_even_and_in_the_recent_past(device: PyAudioDevice, person: Person) -> None:
    assert person.hears.wait(WAIT_S)
    enough = threading.Event()
    counted = person.capture

    def count(samples: Samples, at: float) -> None:
        counted(samples, at)
        if len(person.blocks) >= 30:
            enough.set()

    device.stop()
    person.blocks.clear()
    device.start(count, person.render, person.lost.append)
    assert enough.wait(WAIT_S)
    device.stop()
    steady = person.blocks[10:]
    assert np.diff([at for _, at, _ in steady]) == pytest.approx(FRAME_SECONDS, abs=0.01)
    assert all(FRAME_SECONDS <= now - at < 0.5 for _, at, now in steady)


def test_a_microphone_that_is_off_gives_nothing_and_comes_back(device: PyAudioDevice, person: Person) -> None:
    assert person.hears.wait(WAIT_S)
    device.set_capture(False)
    heard = len(person.blocks)
    person.hears.clear()
    assert not person.hears.wait(0.2)
    assert len(person.blocks) == heard
    device.check(time.monotonic())
    device.set_capture(True)
    assert person.hears.wait(WAIT_S)
    assert not person.lost


def test_a_stream_that_calls_back_no_more_is_lost_once(device: PyAudioDevice, person: Person) -> None:
    assert person.hears.wait(WAIT_S)
    device.check(time.monotonic())
    assert not person.lost
    device.check(time.monotonic() + STALL_SECONDS + 1)
    device.check(time.monotonic() + STALL_SECONDS + 2)
    assert len(person.lost) == 1
    assert re.fullmatch(r"the microphone 'default' has delivered nothing for [34]\.\d s", person.lost[0])


def test_an_unplugged_sound_card_is_lost_and_cannot_be_opened_again(
    plugged: SoundCard, device: PyAudioDevice, person: Person
) -> None:
    assert person.hears.wait(WAIT_S)
    plugged.crash()
    look_until(device, lambda: bool(person.lost))
    assert person.lost[0] in ("the microphone 'default' went away", "the loudspeaker 'default' went away")
    device.stop()
    device.stop()
    with pytest.raises(DeviceError):
        device.start(person.capture, person.render, person.lost.append)


def look_until(device: PyAudioDevice, holds: Callable[[], bool]) -> None:
    """Look ten times a second, as the speaker would once a second."""
    deadline = time.monotonic() + WAIT_S
    tick = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        tick.wait(0.1)
        device.check(time.monotonic())


def test_the_devices_are_listed_and_an_unknown_one_is_named(plugged: SoundCard) -> None:
    devices = list_devices()
    default = next(device for device in devices if device.name == "default")
    assert default.inputs > 0
    assert default.outputs > 0
    assert default.default_input
    assert default.default_output
    device = PyAudioDevice("Jabra", None, time.monotonic)
    with pytest.raises(DeviceError, match=r"no such device: 'Jabra'; choose one of: .*'default'"):
        device.start(lambda samples, at: None, lambda n, at: np.zeros(n, np.float32), lambda message: None)


def test_opening_says_nothing_to_the_user(plugged: SoundCard, capfd: pytest.CaptureFixture[str]) -> None:
    list_devices()
    device = PyAudioDevice(None, None, time.monotonic)
    device.start(lambda samples, at: None, lambda n, at: np.zeros(n, np.float32), lambda message: None)
    device.stop()
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
