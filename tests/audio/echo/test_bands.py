from collections.abc import Callable

import numpy as np
import pytest

from moshi_speaker.audio.echo.bands import COUNT, SHARES, power, spread
from moshi_speaker.audio.echo.spectra import BINS
from moshi_speaker.audio.frames import HOP_SAMPLES, Samples
from tests.audio.echo.sounds import babble, hops, noise

Tone = Callable[..., Samples]


def test_the_shares_of_each_bin_add_up_to_one() -> None:
    assert SHARES.shape == (COUNT, BINS)
    assert SHARES.min() >= 0.0
    assert SHARES.sum(axis=0) == pytest.approx(1.0, abs=1e-6)
    assert (SHARES.sum(axis=1) > 0.5).all()


def test_the_powers_add_up_to_the_mean_square() -> None:
    for sound in (noise(20 * HOP_SAMPLES, 0.1, seed=1), babble(0.5, seed=2)):
        for hop in hops(sound):
            if hop.any():
                assert power(hop).sum() == pytest.approx(float(hop @ hop) / len(hop), rel=0.05, abs=1e-7)


def test_a_tone_is_in_its_bands(tone: Tone) -> None:
    low, high = power(tone(300, 0.01)), power(tone(6_000, 0.01))
    assert low.dtype == np.float32
    assert int(low.argmax()) < 6
    assert int(high.argmax()) > 12
    assert high[:6].sum() < 0.01 * high.sum()


def test_a_value_for_all_bands_is_that_of_all_bins() -> None:
    assert spread(np.full(COUNT, 0.3, np.float32)) == pytest.approx(0.3)


def test_bins_between_two_centres_get_a_value_between() -> None:
    values = np.arange(COUNT, dtype=np.float32)
    bins = spread(values)
    assert bins.shape == (BINS,)
    assert bins[0] == 0.0
    assert bins[-1] == pytest.approx(COUNT - 1)
    assert (np.diff(bins) > -1e-5).all()
