from collections.abc import Callable

import numpy as np
import pytest

from moshi_speaker.audio.callbacks import (
    CONTINUE,
    INPUT_OVERFLOW,
    OUTPUT_UNDERFLOW,
    InputCallback,
    OutputCallback,
)
from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.frames import BLOCK_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.selection import StreamForm

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
    callback = InputCallback(StreamForm(SAMPLE_RATE, 1), ears, clock, Defects())
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
    callback = InputCallback(StreamForm(44_100, 2), ears, clock, Defects())
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
    clock, ears, defects = Clock(), Ears(), Defects()
    callback = InputCallback(StreamForm(SAMPLE_RATE, 1), ears, clock, defects)
    block = tone(440, 0.02).tobytes()
    for advance, status in ((0.02, 0), (0.1, INPUT_OVERFLOW)):
        clock.now += advance
        callback(block, BLOCK_SAMPLES, {}, status)
    assert [at for _, at in ears.heard] == pytest.approx([100.0, 100.1])
    assert defects.overflows == 1


def test_an_output_at_our_rate_gets_what_is_rendered() -> None:
    clock = Clock()
    asked: list[tuple[int, float]] = []

    def render(n: int, at: float) -> Samples:
        asked.append((n, at))
        return np.full(n, 0.25, np.float32)

    callback = OutputCallback(StreamForm(SAMPLE_RATE, 1), render, clock, Defects())
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
    callback = OutputCallback(StreamForm(48_000, 2), render, clock, Defects())
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


@pytest.mark.parametrize("rate", [48_000, 44_100, 16_000, 8_000])
def test_every_usual_rate_comes_out_at_ours(tone: Tone, rate: int) -> None:
    clock, ears = Clock(), Ears()
    callback = InputCallback(StreamForm(rate, 1), ears, clock, Defects())
    sound = tone(1000, 1.0, rate=rate)
    step = rate // 50
    for start in range(0, rate, step):
        clock.now += 0.02
        callback(sound[start : start + step].tobytes(), step, {}, 0)
    heard = ears.sound()
    assert len(heard) == pytest.approx(SAMPLE_RATE, abs=2 * BLOCK_SAMPLES)
    assert np.argmax(np.abs(np.fft.rfft(heard, SAMPLE_RATE))) == 1000


def test_of_an_array_of_microphones_the_first_is_heard(tone: Tone) -> None:
    ears = Ears()
    callback = InputCallback(StreamForm(SAMPLE_RATE, 6), ears, Clock(), Defects())
    first = tone(440, 0.02)
    array = np.stack([first, *np.ones((5, BLOCK_SAMPLES), np.float32)], axis=1)
    callback(array.tobytes(), BLOCK_SAMPLES, {}, 0)
    assert np.array_equal(ears.sound(), first)


def test_integers_are_taken_and_given(tone: Tone) -> None:
    ears = Ears()
    form = StreamForm(SAMPLE_RATE, 1, integers=True)
    sound = tone(440, 0.02)
    data, _ = OutputCallback(form, lambda n, at: sound, Clock(), Defects())(None, BLOCK_SAMPLES, {}, 0)
    assert data is not None
    assert len(data) == 2 * BLOCK_SAMPLES
    InputCallback(form, ears, Clock(), Defects())(data, BLOCK_SAMPLES, {}, 0)
    assert ears.sound() == pytest.approx(sound, abs=1 / 32_768)


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 44_100])
def test_numbers_that_are_none_are_replaced_one_by_one_before_any_filter(tone: Tone, rate: int) -> None:
    clean, ears, defects = Ears(), Ears(), Defects()
    sound = tone(440, 0.4, rate=rate)
    broken = sound.copy()
    broken[[100, 101, 3000]] = np.nan, np.inf, -np.inf
    mended = np.where(np.isfinite(broken), broken, np.float32(0.0))
    InputCallback(StreamForm(rate, 1), ears, Clock(), defects)(broken.tobytes(), len(sound), {}, 0)
    InputCallback(StreamForm(rate, 1), clean, Clock(), Defects())(mended.tobytes(), len(sound), {}, 0)
    assert np.array_equal(ears.sound(), clean.sound())
    assert defects.bad_samples == 3


def test_clipped_sound_is_counted_and_stays_in_its_range() -> None:
    ears, defects = Ears(), Defects()
    sound = np.array([0.5, 1.0, -1.0, 32_767 / 32_768, 1e30, -3.0, 0.99], np.float32)
    InputCallback(StreamForm(SAMPLE_RATE, 1), ears, Clock(), defects)(sound.tobytes(), len(sound), {}, 0)
    assert np.abs(ears.sound()).max() == 1.0
    assert defects.clipped_samples == 5


def test_a_hole_in_what_is_played_is_counted() -> None:
    defects = Defects()
    callback = OutputCallback(
        StreamForm(SAMPLE_RATE, 1), lambda n, at: np.zeros(n, np.float32), Clock(), defects
    )
    callback(None, BLOCK_SAMPLES, {}, 0)
    callback(None, BLOCK_SAMPLES, {}, OUTPUT_UNDERFLOW)
    assert defects.underflows == 1
