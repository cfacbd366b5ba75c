import numpy as np
import pytest

from moshi_speaker.audio.echo.bands import COUNT, power
from moshi_speaker.audio.echo.suppressor import Suppressor
from moshi_speaker.audio.frames import HOP_SAMPLES, SAMPLE_RATE, Samples
from tests.audio.echo.sounds import babble, hops, noise, power_db

NOISE = np.full(COUNT, 1e-6 / COUNT, np.float32)
REST = 0.01
"""Amplitude of the residual echo."""


def suppress(suppressor: Suppressor, sound: Samples, residual: np.ndarray, leak: float = 0.01) -> Samples:
    return np.concatenate(
        [suppressor.suppress(hop, power(hop), residual, NOISE, leak) for hop in hops(sound)]
    )


def residual() -> np.ndarray:
    """What noise of the amplitude REST has in each band, on average."""
    spectra = [power(hop) for hop in hops(noise(SAMPLE_RATE, REST, seed=8))]
    return np.asarray(np.mean(spectra, axis=0), np.float32)


def test_residual_echo_alone_is_turned_down() -> None:
    sound = noise(SAMPLE_RATE, REST, seed=1)
    left = suppress(Suppressor(), sound, residual())
    settled = slice(SAMPLE_RATE // 2, None)
    assert power_db(left[settled]) - power_db(sound[settled]) == pytest.approx(-12.0, abs=2.5)


def test_never_below_the_noise_of_the_room() -> None:
    sound = noise(SAMPLE_RATE, 1e-3, seed=1)
    left = suppress(Suppressor(), sound, np.asarray(residual() * 0.02))
    assert power_db(left) - power_db(sound) > -3.0


def test_double_talk_is_left_exactly_as_it_is() -> None:
    sound = noise(SAMPLE_RATE, REST, seed=1) + noise(SAMPLE_RATE, 0.1, seed=2)
    assert np.array_equal(suppress(Suppressor(), sound, residual()), sound)


def test_a_talker_is_let_through_at_once() -> None:
    suppressor = Suppressor()
    suppress(suppressor, noise(SAMPLE_RATE, REST, seed=1), residual())
    words = noise(10 * HOP_SAMPLES, 0.1, seed=2)
    left = suppress(suppressor, words, residual())
    assert np.array_equal(left[HOP_SAMPLES:], words[HOP_SAMPLES:])
    assert power_db(left[HOP_SAMPLES // 2 : HOP_SAMPLES]) > power_db(words) - 3.0


def test_without_an_echo_everything_is_left_exactly_as_it_is() -> None:
    sound = babble(1.0, seed=1)
    assert np.array_equal(suppress(Suppressor(), sound, np.zeros(COUNT, np.float32)), sound)


def test_a_filter_that_does_not_know_the_echo_is_no_reason_to_turn_anything_down() -> None:
    sound = noise(SAMPLE_RATE, REST, seed=1)
    assert np.array_equal(suppress(Suppressor(), sound, residual(), leak=0.5), sound)


def test_after_silence_it_begins_gently() -> None:
    suppressor = Suppressor()
    suppress(suppressor, noise(SAMPLE_RATE, REST, seed=1), residual())
    suppressor.skip(noise(HOP_SAMPLES, REST, seed=2))
    hop = noise(HOP_SAMPLES, REST, seed=3)
    left = suppress(suppressor, hop, residual())
    assert power_db(left) - power_db(hop) > -1.0


def test_silence_stays_silence() -> None:
    silence = np.zeros(SAMPLE_RATE // 10, np.float32)
    left = suppress(Suppressor(), silence, residual())
    assert not left.any()
    assert left.dtype == np.float32
