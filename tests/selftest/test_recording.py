import numpy as np
import pytest

from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.frames import FRAME_SAMPLES, SAMPLE_RATE, Capture, Lost, Render, Samples
from moshi_speaker.errors import DeviceError
from moshi_speaker.selftest.recording import Block, Recording, Track, record
from tests.selftest.rooms import Room, RoomDevice


class DeadDevice:
    """Opens, and does nothing; or goes away."""

    description = "dead"
    defects = Defects(bad_samples=2)

    def __init__(self, goes_away: bool = False) -> None:
        self._goes_away = goes_away
        self._lost: Lost | None = None
        self.now = 0.0
        self.stops = 0

    def clock(self) -> float:
        self.now += 20.0
        return self.now

    def start(self, capture: Capture, render: Render, lost: Lost, *, capturing: bool = True) -> None:
        self._lost = lost

    def set_capture(self, on: bool) -> None:
        raise AssertionError

    def check(self, now: float) -> None:
        if self._goes_away and self._lost:
            self._lost("dead: the sound device went away")

    def stop(self) -> None:
        self.stops += 1


def sound(seconds: float) -> Samples:
    return np.linspace(0.1, 0.2, round(seconds * SAMPLE_RATE), dtype=np.float32)


def test_all_of_the_sound_is_played_and_heard_and_then_the_device_is_closed() -> None:
    device = RoomDevice(Room(delay_s=0.0, t60_s=0.0, gain=1.0, noise_dbfs=-200.0))
    opened = []
    made = record(device, sound(1.0), device.clock, lambda: opened.append(device.open))
    assert opened == [True]
    assert not device.open
    played, heard = Track(made.played), Track(made.heard)
    assert played.samples[:SAMPLE_RATE] == pytest.approx(sound(1.0))
    assert len(heard.samples) >= SAMPLE_RATE
    assert heard.samples[:SAMPLE_RATE] == pytest.approx(sound(1.0), abs=1e-5)
    assert len(heard.samples) < 1.2 * SAMPLE_RATE


def test_a_device_that_goes_away_is_said_and_closed() -> None:
    device = DeadDevice(goes_away=True)
    with pytest.raises(DeviceError, match="the sound device went away; check that it is connected"):
        record(device, sound(60.0), device.clock, lambda: None)
    assert device.stops == 1


def test_a_device_that_gives_nothing_is_not_waited_for_for_ever() -> None:
    device = DeadDevice()
    assert record(device, sound(1.0), device.clock, lambda: None) == Recording((), Defects(bad_samples=2))
    assert device.stops == 1


def test_a_device_is_closed_when_somebody_presses_ctrl_c() -> None:
    device = DeadDevice()

    def press() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(device, sound(1.0), device.clock, press)
    assert device.stops == 1


def test_a_device_that_does_not_open_is_an_error() -> None:
    device = RoomDevice(Room(), refuses=DeviceError("the microphone does not open"))
    with pytest.raises(DeviceError, match="the microphone does not open"):
        record(device, sound(1.0), device.clock, lambda: None)


def test_positions_and_times_belong_together_also_behind_a_gap() -> None:
    n = FRAME_SAMPLES
    blocks = tuple(
        Block(False, np.full(n, number, np.float32), at, at)
        for number, at in ((1, 5.0), (2, 5.08), (3, 5.36))
    )
    track = Track(blocks)
    assert track.time(n) == pytest.approx(5.08)
    assert track.time(2 * n + 240) == pytest.approx(5.37)
    assert track.position(5.09) == n + 240
    assert track.position(4.9) == -round(0.1 * SAMPLE_RATE)
    assert track.cut(5.35, 0.02).tolist() == [3.0] * 480


def test_what_was_not_recorded_is_silent() -> None:
    track = Track((Block(False, np.ones(n := FRAME_SAMPLES, np.float32), 5.0, 5.0),))
    cut = track.cut(4.96, 0.16)
    assert np.flatnonzero(cut).tolist() == list(range(n // 2, n // 2 + n))
