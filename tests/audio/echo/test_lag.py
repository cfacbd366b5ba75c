import numpy as np
import pytest

from moshi_speaker.audio.echo.lag import find_lag
from moshi_speaker.audio.echo.placement import CLEAR
from moshi_speaker.audio.frames import SAMPLE_RATE
from tests.audio.echo.sounds import babble, convolve, noise, room, slowed

LAGS = range(-2_400, 14_400)


@pytest.mark.parametrize("lag", [-2_000, -1, 0, 1, 5_000, 14_000])
def test_it_finds_how_much_later_a_sound_comes(lag: int) -> None:
    sound = babble(1.5, seed=1)
    n = SAMPLE_RATE
    found = find_lag(sound[3_000 : 3_000 + n], np.roll(sound, lag)[3_000 : 3_000 + n], LAGS)
    assert found.samples == pytest.approx(lag, abs=0.1)
    assert found.clearness > CLEAR


@pytest.mark.parametrize("part", [0.25, 0.5, -0.4])
def test_it_finds_it_between_the_samples(part: float) -> None:
    sound = babble(1.0, seed=1)
    n = len(sound)
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(n) * (20 + part))
    later = np.fft.irfft(np.fft.rfft(sound) * turn, n).astype(np.float32)
    assert find_lag(sound, later, range(-100, 100)).samples == pytest.approx(20 + part, abs=0.15)


def test_the_direct_sound_of_a_room_in_noise_is_found() -> None:
    far = babble(1.0, seed=1)
    near = convolve(far, room(0.4, seed=2, delay=2_880)) + noise(len(far), 3e-3, seed=3)
    found = find_lag(far, near, LAGS)
    assert found.samples == pytest.approx(2_880, abs=1.0)
    assert found.clearness > CLEAR


@pytest.mark.parametrize("seed", range(2, 8))
def test_sounds_that_have_nothing_to_do_with_each_other_have_no_clear_lag(seed: int) -> None:
    assert find_lag(babble(1.0, seed=1), babble(1.0, seed=seed), LAGS).clearness < 10


def test_silence_has_no_lag() -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    sound = babble(1.0, seed=1)
    for early, late in ((silence, silence), (silence, sound), (sound, silence)):
        assert find_lag(early, late, LAGS).clearness == pytest.approx(0.0, abs=1e-6)


def test_a_peak_at_the_edge_stays_at_the_edge() -> None:
    sound = babble(1.0, seed=1)
    assert find_lag(sound, np.roll(sound, 50), range(-10, 51)).samples == 50
    assert find_lag(sound, np.roll(sound, -10), range(-10, 51)).samples == -10


def test_a_drift_of_50_ppm_does_not_blur_it() -> None:
    sound = babble(1.0, seed=1)
    found = find_lag(sound, slowed(sound, 50.0), range(-2_400, 2_400))
    assert found.samples == pytest.approx(-0.6, abs=0.7)
    assert found.clearness > CLEAR
