from collections.abc import Callable

import numpy as np
import pytest

from moshi_speaker.audio.callbacks import CONTINUE, INPUT_OVERFLOW, InputCallback, OutputCallback
from moshi_speaker.audio.frames import BLOCK_SAMPLES, SAMPLE_RATE, Samples

Tone = Callable[..., Samples]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Ears:
    def __init__(self) -> None:
        self.heard: list[tuple[Samples, float]] = []

    def __call__(self, samples: Samples, at: float) -> None:
        self.heard.append((samples, at))

    def sound(self) -> Samples:
        return np.concatenate([samples for samples, _ in self.heard])


def test_captured_sound_goes_on_as_it_is_with_its_time(tone: Tone) -> None:
    clock, ears = Clock(), Ears()
    callback = InputCallback(SAMPLE_RATE, 1, ears, clock)
    callback.latency_s = 0.04
    block = tone(440, 0.02)
    clock.now = 101.0
    assert callback(block.tobytes(), BLOCK_SAMPLES, {}, 0) == (None, CONTINUE)
    ((samples, at),) = ears.heard
    assert np.array_equal(samples, block)
    assert at == pytest.approx(101.0 - 0.04 - 0.02)
    assert callback.called_at == 101.0


def test_a_foreign_rate_in_stereo_is_converted_and_keeps_its_time(tone: Tone) -> None:
    clock, ears = Clock(), Ears()
    callback = InputCallback(44_100, 2, ears, clock)
    sound = np.repeat(tone(1000, 1.0, rate=44_100), 2)
    for start in range(0, 44_100, 882):
        clock.now += 0.02
        callback(sound[2 * start : 2 * (start + 882)].tobytes(), 882, {}, 0)
    heard = ears.sound()
    assert len(heard) == pytest.approx(SAMPLE_RATE, abs=BLOCK_SAMPLES)
    assert np.abs(heard[1000:-1000]).max() == pytest.approx(0.5, rel=0.01)
    assert np.argmax(np.abs(np.fft.rfft(heard, SAMPLE_RATE))) == 1000
    given = 0
    for samples, at in ears.heard:
        assert at == pytest.approx(100.0 + given / SAMPLE_RATE, abs=1e-3)
        given += len(samples)


def test_lost_input_is_counted_and_moves_the_time_on(tone: Tone) -> None:
    clock, ears = Clock(), Ears()
    callback = InputCallback(SAMPLE_RATE, 1, ears, clock)
    block = tone(440, 0.02).tobytes()
    for advance, status in ((0.02, 0), (0.1, INPUT_OVERFLOW)):
        clock.now += advance
        callback(block, BLOCK_SAMPLES, {}, status)
    assert [at for _, at in ears.heard] == pytest.approx([100.0, 100.1])
    assert callback.overflows == 1


def test_an_output_at_our_rate_gets_what_is_rendered() -> None:
    clock = Clock()
    asked: list[tuple[int, float]] = []

    def render(n: int, at: float) -> Samples:
        asked.append((n, at))
        return np.full(n, 0.25, np.float32)

    callback = OutputCallback(SAMPLE_RATE, 1, render, clock)
    callback.latency_s = 0.03
    clock.now = 105.0
    data, flag = callback(None, 500, {}, 0)
    assert data is not None
    assert np.frombuffer(data, np.float32).tolist() == [0.25] * 500
    assert flag == CONTINUE
    ((count, at),) = asked
    assert count == 500
    assert at == pytest.approx(105.03)
    assert callback.called_at == 105.0


def test_an_output_at_a_foreign_rate_in_stereo_is_converted(tone: Tone) -> None:
    source = tone(1000, 3.0)
    position = 0
    stamps: list[float] = []

    def render(n: int, at: float) -> Samples:
        nonlocal position
        position += n
        stamps.append(at)
        return source[position - n : position]

    clock = Clock()
    callback = OutputCallback(48_000, 2, render, clock)
    pieces = []
    for _ in range(90):
        pieces.append(callback(None, 1024, {}, 0)[0] or b"")
        clock.now += 1024 / 48_000
    assert {len(piece) for piece in pieces} == {1024 * 2 * 4}
    played = np.frombuffer(b"".join(pieces), np.float32).reshape(-1, 2)
    assert np.array_equal(played[:, 0], played[:, 1])
    spectrum = np.abs(np.fft.rfft(played[:48_000, 0]))
    assert np.argmax(spectrum) == 1000
    assert position / SAMPLE_RATE == pytest.approx(len(played) / 48_000, abs=0.1)
    assert np.diff(stamps[10:]).mean() == pytest.approx(0.02, rel=0.02)
