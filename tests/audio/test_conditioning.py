from collections.abc import Callable

import numpy as np
import pytest

from moshi_speaker.audio.activity import FLOOR_DBFS
from moshi_speaker.audio.conditioning import (
    LEAST_GAIN_DB,
    MOST_GAIN_DB,
    TARGET_DBFS,
    Conditioned,
    GainControl,
    NoiseSuppressor,
)
from moshi_speaker.audio.echo import Cleaned, NoEchoCanceller
from moshi_speaker.audio.frames import FRAME_SAMPLES, SAMPLE_RATE, Samples

Tone = Callable[..., Samples]


def noise(seconds: float, rms: float) -> Samples:
    n = round(seconds * SAMPLE_RATE) // FRAME_SAMPLES * FRAME_SAMPLES
    return (rms * np.random.default_rng(1).standard_normal(n)).astype(np.float32)


def frames(sound: Samples) -> list[Samples]:
    return list(sound.reshape(-1, FRAME_SAMPLES))


def level(sound: Samples) -> float:
    return 10.0 * float(np.log10(np.mean(np.square(sound))))


class Playing:
    """A canceller that leaves an echo."""

    def __init__(self, echo_dbfs: float = -50.0) -> None:
        self.echo_dbfs = echo_dbfs

    def clean(self, near: Samples, at: float) -> Cleaned:
        return Cleaned(near, echo_dbfs=self.echo_dbfs, playing=True, gated=True)


@pytest.mark.parametrize("most_db", [6.0, 12.0])
def test_steady_noise_is_turned_down_within_the_limit(most_db: float) -> None:
    suppressor, sound = NoiseSuppressor(most_db), noise(4.0, 0.01)
    clean = np.concatenate([suppressor.clean(frame) for frame in frames(sound)])
    assert clean.shape == sound.shape
    assert clean.dtype == np.float32
    change = level(clean[-SAMPLE_RATE:]) - level(sound[-SAMPLE_RATE:])
    assert -most_db - 0.5 < change < -0.5 * most_db


def test_speech_above_the_noise_is_kept(tone: Tone) -> None:
    suppressor, sound = NoiseSuppressor(12.0), noise(4.0, 0.003)
    for frame in frames(sound):
        suppressor.clean(frame)
    voice = tone(700, 0.16, 0.3)[: 2 * FRAME_SAMPLES]
    kept = np.concatenate([suppressor.clean(frame) for frame in frames(voice + sound[: len(voice)])])
    assert level(kept[FRAME_SAMPLES:]) == pytest.approx(level(voice[FRAME_SAMPLES:]), abs=1.0)


def test_silence_stays_silence() -> None:
    suppressor = NoiseSuppressor(12.0)
    for _ in range(20):
        assert not suppressor.clean(np.zeros(FRAME_SAMPLES, np.float32)).any()


def bursts(control: GainControl, amplitude: float, seconds: float, *, learn: bool = True) -> None:
    """Frames of speech and of the room's noise in turn."""
    for number in range(round(seconds / 0.08)):
        rms = amplitude if number % 2 else 1e-4
        control.level(noise(0.08, rms), learn=learn)


@pytest.mark.parametrize(("amplitude", "expected"), [(0.01, 16.0), (0.1, -4.0)])
def test_speech_comes_to_its_level(amplitude: float, expected: float) -> None:
    control = GainControl()
    bursts(control, amplitude, 15.0)
    assert control.gain_db == pytest.approx(expected, abs=0.5)
    loud = control.level(noise(0.08, amplitude), learn=False)
    assert level(loud) == pytest.approx(TARGET_DBFS, abs=0.7)
    assert loud.dtype == np.float32


@pytest.mark.parametrize(("amplitude", "expected"), [(1e-3, MOST_GAIN_DB), (1.0, LEAST_GAIN_DB)])
def test_within_limits(amplitude: float, expected: float) -> None:
    control = GainControl()
    bursts(control, amplitude, 25.0)
    assert control.gain_db == pytest.approx(expected, abs=0.01)


def test_a_gain_that_moves_makes_no_step() -> None:
    control, loud = GainControl(), np.full(FRAME_SAMPLES, 0.01, np.float32)
    control.level(noise(0.08, 1e-4), learn=True)
    heard = np.concatenate([control.level(loud, learn=True) for _ in range(10)])
    assert heard[-1] > 1.2 * heard[0]
    assert np.abs(np.diff(heard)).max() < 1e-3 * 0.01


def test_it_moves_slowly() -> None:
    control = GainControl()
    bursts(control, 0.01, 0.8)
    assert 0.0 < control.gain_db <= 5 * 0.25 + 1e-6


def test_neither_noise_nor_an_echo_is_learnt_from() -> None:
    control = GainControl()
    for frame in frames(noise(4.0, 0.003)):
        control.level(frame, learn=True)
    bursts(control, 0.01, 4.0, learn=False)
    assert control.gain_db == 0.0


def test_silence_is_no_floor() -> None:
    control = GainControl()
    for _ in range(20):
        control.level(np.zeros(FRAME_SAMPLES, np.float32), learn=True)
    for frame in frames(noise(4.0, 0.003)):
        control.level(frame, learn=True)
    assert control.gain_db == 0.0


def test_with_neither_the_sound_is_the_very_same() -> None:
    chain = Conditioned(NoEchoCanceller(), noise_suppression_db=0.0, gain_control=False)
    frame = noise(0.08, 0.1)
    assert chain.clean(frame, 1.0).pcm is frame


def test_what_the_canceller_says_comes_through() -> None:
    chain = Conditioned(Playing(), noise_suppression_db=6.0, gain_control=True)
    clean = chain.clean(noise(0.08, 0.1), 1.0)
    assert (clean.echo_dbfs, clean.playing, clean.gated) == (-50.0, True, True)


def test_the_echo_that_is_left_is_told_at_its_new_level() -> None:
    canceller = Playing()
    chain = Conditioned(NoEchoCanceller(), noise_suppression_db=0.0, gain_control=True)
    chain._echo = canceller
    gain = chain._gain
    assert gain is not None
    gain.gain_db = 10.0
    assert chain.clean(noise(0.08, 0.01), 1.0).echo_dbfs == pytest.approx(-40.0)
    gain.gain_db = -10.0
    canceller.echo_dbfs = FLOOR_DBFS + 1.0
    assert chain.clean(noise(0.08, 0.01), 1.0).echo_dbfs == FLOOR_DBFS


def test_gain_control_does_not_learn_from_an_echo() -> None:
    chain = Conditioned(Playing(), noise_suppression_db=0.0, gain_control=True)
    for number in range(50):
        clean = chain.clean(noise(0.08, 0.01 if number % 2 else 1e-4), number * 0.08)
    assert clean.echo_dbfs == -50.0


def test_both_may_be_changed_at_any_time() -> None:
    chain = Conditioned(NoEchoCanceller(), noise_suppression_db=0.0, gain_control=False)
    sound = frames(noise(4.0, 0.01))
    chain.change(12.0, True)
    for frame in sound:
        clean = chain.clean(frame, 1.0).pcm
    assert level(clean) < level(sound[-1]) - 6.0
    chain.change(0.0, False)
    assert chain.clean(sound[0], 1.0).pcm is sound[0]


def test_what_is_not_changed_keeps_what_it_has_learnt() -> None:
    chain = Conditioned(NoEchoCanceller(), noise_suppression_db=0.0, gain_control=True)
    sound = frames(noise(4.0, 0.01))
    for number, frame in enumerate(sound):
        before = chain.clean(frame if number % 2 else 0.01 * frame, 1.0).pcm
    chain.change(0.0, True)
    assert level(chain.clean(sound[-1], 1.0).pcm) == pytest.approx(level(before), abs=0.5)
    assert level(before) > level(sound[-1]) + 2.0
