"""Simulated rooms die away as asked, clocks run as told, loudspeakers distort as much as they shall."""

import numpy as np
import pytest

from moshi_speaker.audio.frames import SAMPLE_RATE
from tests.room import acoustics
from tests.room.acoustics import Array, Shoebox
from tests.room.scenes import ROOMS


def tone(hertz: float, seconds: float = 1.0) -> Array:
    """A sine of amplitude 1."""
    return np.sin(2.0 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_dies_away_as_asked(room: str) -> None:
    place, _ = ROOMS[room]
    response = acoustics.impulse_response(place.room, place.talker, place.microphone)
    assert acoustics.decay_s(response) == pytest.approx(place.room.t60, rel=0.25)


def test_decay_is_measured_as_defined() -> None:
    t60 = 0.3
    response = 10.0 ** (-3.0 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE / t60)
    assert acoustics.decay_s(response) == pytest.approx(t60, rel=0.01)


def test_the_direct_sound_comes_first_and_halves_with_the_distance() -> None:
    room = Shoebox((9.0, 8.0, 4.0), 0.2)
    near, far = (acoustics.impulse_response(room, (4.0, 4.0, 2.0), (4.0 + d, 4.0, 2.0)) for d in (0.5, 1.0))
    assert near.argmax() == far.argmax() == 16
    assert near.max() / far.max() == pytest.approx(2.0, rel=0.1)


def test_a_clock_too_fast_raises_the_pitch() -> None:
    ppm = 1000.0
    heard = acoustics.drifted(tone(1000.0), ppm)
    expected = tone(1000.0 * (1.0 + ppm * 1e-6))
    inner = slice(200, -200)
    assert np.abs(heard[inner] - expected[inner]).max() < 1e-3


@pytest.mark.parametrize("share", [0.03, 0.05])
def test_a_loudspeaker_distorts_as_much_as_asked(share: float) -> None:
    clean = np.random.default_rng(1).laplace(size=SAMPLE_RATE) * 0.1
    heard = acoustics.distorted(clean, share)
    fit = np.dot(clean, heard) / np.dot(clean, clean)
    assert np.linalg.norm(heard - fit * clean) / np.linalg.norm(fit * clean) == pytest.approx(share, rel=0.02)


def test_a_loudspeaker_without_distortion_changes_nothing() -> None:
    assert np.array_equal(acoustics.distorted(tone(440.0), 0.0), tone(440.0))


def test_noise_is_as_loud_as_asked_and_pink() -> None:
    sound = acoustics.noise(10 * SAMPLE_RATE, -50.0, seed=1)
    assert 10.0 * np.log10(np.mean(np.square(sound))) == pytest.approx(-50.0, abs=0.01)
    power = np.square(np.abs(np.fft.rfft(sound)))
    low, high = power[1_000:2_000].sum(), power[8_000:16_000].sum()
    assert low / high == pytest.approx(1.0, rel=0.2)  # as much in one octave as in another


def test_levels_leave_pauses_out() -> None:
    speech = np.concatenate((tone(300.0), np.zeros(3 * SAMPLE_RATE)))
    assert acoustics.active_dbfs(speech) == pytest.approx(-3.01, abs=0.05)
    assert acoustics.active(speech).sum() == SAMPLE_RATE


def test_a_high_pass_keeps_what_is_above() -> None:
    low, high = (acoustics.high_pass(tone(hertz), 120.0)[SAMPLE_RATE // 2 :] for hertz in (30.0, 1000.0))
    assert np.abs(low).max() < 0.08 and np.abs(high).max() == pytest.approx(1.0, abs=0.02)
