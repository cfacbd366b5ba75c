"""A device with a tape recorder: it hides nothing of the device, and keeps what was played."""

import numpy as np
import pytest

from moshi_speaker.audio import tape
from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.frames import BLOCK_SAMPLES, Capture, Lost, Render, Samples
from moshi_speaker.audio.tape import Tape


class Passive:
    """A device that writes down what is asked of it."""

    description = "a device"
    defects = Defects(overflows=3)

    def __init__(self) -> None:
        self.asked: list[object] = []

    def start(self, capture: Capture, render: Render, lost: Lost, *, capturing: bool = True) -> None:
        self.asked.append(("start", capturing))
        self.capture, self.render, self.lost = capture, render, lost

    def set_capture(self, on: bool) -> None:
        self.asked.append(("capture", on))

    def check(self, now: float) -> None:
        self.asked.append(("check", now))

    def stop(self) -> None:
        self.asked.append("stop")


def nothing_heard(samples: Samples, at: float) -> None:
    raise AssertionError("the microphone is not in play")


def nothing_lost(message: str) -> None:
    raise AssertionError(message)


def ramp(n: int, at: float = 0.0) -> Samples:
    return np.linspace(0.0, 0.5, n, dtype=np.float32)


def test_it_asks_of_the_device_what_is_asked_of_it() -> None:
    device = Passive()
    recorder = Tape(device)
    recorder.start(nothing_heard, ramp, nothing_lost, capturing=False)
    recorder.set_capture(False)
    recorder.check(3.5)
    recorder.stop()
    assert recorder.description == "a device"
    assert recorder.defects.overflows == 3
    assert device.asked == [("start", False), ("capture", False), ("check", 3.5), "stop"]
    assert (device.capture, device.lost) == (nothing_heard, nothing_lost)


def test_what_is_played_is_kept_also_when_the_device_is_opened_again() -> None:
    device = Passive()
    recorder = Tape(device)
    assert len(recorder.played) == 0
    for _ in range(2):
        recorder.start(nothing_heard, ramp, nothing_lost)
        assert np.array_equal(device.render(BLOCK_SAMPLES, 0.0), ramp(BLOCK_SAMPLES))
        recorder.stop()
    assert np.array_equal(recorder.played, np.tile(ramp(BLOCK_SAMPLES), 2))


def test_a_full_tape_keeps_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape, "LIMIT_S", 0.05)  # two blocks of 20 ms, and no third one
    device = Passive()
    recorder = Tape(device)
    recorder.start(nothing_heard, ramp, nothing_lost)
    for _ in range(5):
        device.render(BLOCK_SAMPLES, 0.0)
    assert len(recorder.played) == 2 * BLOCK_SAMPLES
