import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from moshi_speaker.audio.frames import BLOCK_SAMPLES, SAMPLE_RATE, Device, Samples
from moshi_speaker.audio.room import Recording, RoomDevice

Tone = Callable[..., Samples]
WAIT_S = 10.0


class Listener:
    """Hears a room, answers with a constant, and notes everything."""

    def __init__(self, enough: int) -> None:
        self.blocks: list[tuple[Samples, float]] = []
        self.heard_enough = threading.Event()
        self.lost: list[str] = []
        self._enough = enough

    def capture(self, samples: Samples, at: float) -> None:
        self.blocks.append((samples, at))
        if len(self.blocks) == self._enough:
            self.heard_enough.set()

    def listen_on(self, blocks: int) -> None:
        self.heard_enough.clear()
        self._enough = len(self.blocks) + blocks

    def render(self, n: int, at: float) -> Samples:
        return np.full(n, 0.25, np.float32)

    def sound(self) -> Samples:
        return np.concatenate([samples for samples, _ in self.blocks])


def frozen() -> float:
    return 50.0


def run(room: Device, listener: Listener) -> None:
    room.start(listener.capture, listener.render, listener.lost.append)
    assert listener.heard_enough.wait(WAIT_S)
    room.stop()


def test_the_scene_is_heard_where_it_should_be_over_a_floor_of_noise(tone: Tone) -> None:
    first, second = tone(440, 0.105), tone(700, 0.2)
    room = RoomDevice([(0.1, first), (0.15, second)], clock=frozen, settle=lambda: None, noise_dbfs=-60.0)
    listener = Listener(25)
    run(room, listener)
    expected = np.zeros(25 * BLOCK_SAMPLES, np.float32)
    expected[2400 : 2400 + len(first)] += first
    expected[3600 : 3600 + len(second)] += second
    rest = listener.sound()[: len(expected)] - expected
    assert 20 * np.log10(np.sqrt(np.mean(rest**2))) == pytest.approx(-60, abs=0.5)
    assert not listener.lost


def test_without_real_time_capture_times_follow_the_samples() -> None:
    listener = Listener(100)
    run(RoomDevice([], clock=frozen, settle=lambda: None), listener)
    assert [at for _, at in listener.blocks[:100]] == pytest.approx([50 + i * 0.02 for i in range(100)])
    assert {samples.shape for samples, _ in listener.blocks} == {(BLOCK_SAMPLES,)}


def test_real_time_neither_hurries_nor_drifts() -> None:
    listener = Listener(26)
    room = RoomDevice([], clock=time.monotonic)
    begin = time.monotonic()
    room.start(listener.capture, listener.render, listener.lost.append)
    assert listener.heard_enough.wait(WAIT_S)
    took = time.monotonic() - begin
    room.stop()
    times = [at for _, at in listener.blocks]
    assert took >= 26 * 0.02 - 0.001
    assert np.diff(times) == pytest.approx(0.02, abs=1e-9)
    assert times[0] == pytest.approx(begin, abs=0.5)


def test_everything_that_is_played_and_captured_is_recorded(tone: Tone) -> None:
    listener = Listener(10)
    room = RoomDevice([(0.0, tone(440, 0.1))], clock=frozen, settle=lambda: None)
    run(room, listener)
    assert np.array_equal(room.captured, listener.sound())
    assert len(room.played) == len(room.captured)
    assert (room.played == 0.25).all()


def test_the_end_of_the_scene_is_told_once_and_the_room_goes_on(tone: Tone) -> None:
    listener = Listener(50)
    ends: list[int] = []
    room = RoomDevice(
        [(0.1, tone(440, 0.15))],
        clock=frozen,
        settle=lambda: None,
        ended=lambda: ends.append(len(listener.blocks)),
    )
    run(room, listener)
    assert ends == [13]  # 0.25 s are over after 13 blocks of 20 ms


def test_a_microphone_that_is_off_hears_nothing_while_the_loudspeaker_goes_on() -> None:
    listener = Listener(1)
    played = threading.Semaphore(0)

    def render(n: int, at: float) -> Samples:
        played.release()
        return np.zeros(n, np.float32)

    room = RoomDevice([], clock=frozen, settle=lambda: None, noise_dbfs=-20)
    room.start(listener.capture, render, listener.lost.append, capturing=False)
    for _ in range(10):
        assert played.acquire(timeout=WAIT_S)
    assert not listener.blocks
    room.set_capture(True)
    assert listener.heard_enough.wait(WAIT_S)
    room.stop()
    assert not room.captured[: 10 * BLOCK_SAMPLES].any()
    assert listener.blocks[0][1] > 50.19  # time went on meanwhile


def test_something_may_be_said_at_any_time(tone: Tone) -> None:
    listener = Listener(5)
    room = RoomDevice([], clock=time.monotonic, noise_dbfs=-100)
    room.start(listener.capture, listener.render, listener.lost.append)
    assert listener.heard_enough.wait(WAIT_S)
    room.say(tone(440, 0.05))
    listener.listen_on(6)
    assert listener.heard_enough.wait(WAIT_S)
    room.stop()
    assert not np.abs(listener.sound()[: 5 * BLOCK_SAMPLES]).max() > 0.01
    assert np.abs(listener.sound()).max() > 0.4


def test_a_broken_listener_is_reported_as_a_lost_device(caplog: pytest.LogCaptureFixture) -> None:
    lost = threading.Event()
    messages: list[str] = []

    def broken(samples: Samples, at: float) -> None:
        raise RuntimeError("ear broke")

    def note(message: str) -> None:
        messages.append(message)
        lost.set()

    room = RoomDevice([], clock=frozen, settle=lambda: None)
    room.start(broken, lambda n, at: np.zeros(n, np.float32), note)
    assert lost.wait(WAIT_S)
    room.stop()
    assert messages == ["a room made of files: ear broke"]
    assert "the room broke" in caplog.text


def test_it_may_be_stopped_twice_and_leaves_no_thread() -> None:
    before = threading.active_count()
    room = RoomDevice([], clock=time.monotonic)
    room.start(lambda samples, at: None, lambda n, at: np.zeros(n, np.float32), lambda message: None)
    room.check(0.0)
    room.stop()
    room.stop()
    assert threading.active_count() == before


def test_a_recording_has_a_limit() -> None:
    recording = Recording(2 * BLOCK_SAMPLES + 5)
    for level in range(4):
        recording.add(np.full(BLOCK_SAMPLES, level, np.float32))
    assert recording.sound().tolist() == [0.0] * BLOCK_SAMPLES + [1.0] * BLOCK_SAMPLES
    assert recording.dropped == 2 * BLOCK_SAMPLES
    assert SAMPLE_RATE % BLOCK_SAMPLES == 0
