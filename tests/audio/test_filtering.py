from collections.abc import Callable

import numpy as np
import pytest

from moshi_speaker.audio.filtering import TAPS, BandFilter, minimum_phase
from moshi_speaker.audio.frames import HOP_SAMPLES, Samples

Tone = Callable[..., Samples]
BINS = HOP_SAMPLES + 1


def hops(sound: Samples) -> list[Samples]:
    return list(sound.reshape(-1, HOP_SAMPLES))


def gains(value: float) -> Samples:
    return np.full(BINS, value, np.float32)


def test_without_gains_the_sound_is_the_very_same(tone: Tone) -> None:
    bands = BandFilter()
    for hop in hops(tone(440, 0.1)):
        assert np.array_equal(bands.apply(hop, None), hop)


def test_gains_of_one_change_nothing_and_delay_nothing(tone: Tone) -> None:
    bands = BandFilter()
    for hop in hops(tone(440, 0.1)):
        assert np.allclose(bands.apply(hop, gains(1.0)), hop, atol=1e-6)


@pytest.mark.parametrize(("hertz", "wanted_db"), [(300, -10.0), (1_500, 0.0), (5_000, -6.0)])
def test_gains_are_realised(tone: Tone, hertz: float, wanted_db: float) -> None:
    bin_hertz = np.arange(BINS) * 50.0
    curve = np.interp(bin_hertz, [0, 600, 1_000, 2_500, 4_000, 12_000], [-10, -10, 0, 0, -6, -6])
    bands, sound = BandFilter(), tone(hertz, 0.2)
    heard = np.concatenate([bands.apply(hop, (10 ** (curve / 20)).astype(np.float32)) for hop in hops(sound)])
    settled = slice(480, None)
    change = 10 * np.log10(np.mean(heard[settled] ** 2) / np.mean(sound[settled] ** 2))
    assert change == pytest.approx(wanted_db, abs=1.0)
    assert heard.dtype == np.float32
    assert heard.shape == sound.shape


def test_gains_that_change_make_no_click(tone: Tone) -> None:
    bands, sound = BandFilter(), tone(440, 0.2)
    sequence = [None, gains(0.25), gains(1.0), gains(0.25), None]
    heard = [bands.apply(hop, sequence[i % len(sequence)]) for i, hop in enumerate(hops(sound))]
    step = np.abs(np.diff(np.concatenate(heard))).max()
    assert step < 1.1 * np.abs(np.diff(sound)).max()


def test_a_gain_is_all_there_after_a_hop(tone: Tone) -> None:
    bands, sound = BandFilter(), tone(440, 0.03)
    first, second, third = (bands.apply(hop, gains(0.5)) for hop in hops(sound))
    assert first[0] == sound[0]
    assert np.allclose(np.concatenate((second, third)), 0.5 * sound[HOP_SAMPLES:], atol=1e-3)


def test_after_sound_that_went_by_it_goes_on_without_a_seam() -> None:
    sound = np.random.default_rng(1).standard_normal(4 * HOP_SAMPLES).astype(np.float32)
    curve = np.interp(np.arange(BINS), [0, 120, 240], [0.3, 1.0, 0.5]).astype(np.float32)
    through, by = BandFilter(), BandFilter()
    for hop in hops(sound)[:2]:
        through.apply(hop, None)
    by.skip(sound[: 2 * HOP_SAMPLES])
    for hop in hops(sound)[2:]:
        assert np.array_equal(through.apply(hop, curve), by.apply(hop, curve))


@pytest.mark.parametrize("skipped", [True, False])
def test_it_keeps_no_array_of_its_caller(skipped: bool) -> None:
    hop = np.random.default_rng(1).standard_normal(HOP_SAMPLES).astype(np.float32)
    ours, theirs = BandFilter(), BandFilter()
    buffer = hop.copy()
    for bands, sound in ((ours, hop), (theirs, buffer)):
        if skipped:
            bands.skip(sound)
        else:
            bands.apply(sound, None)
    buffer[:] = 1e3
    curve = np.interp(np.arange(BINS), [0, 120, 240], [0.3, 1.0, 0.5]).astype(np.float32)
    assert np.array_equal(ours.apply(hop, curve), theirs.apply(hop, curve))


def test_a_filter_has_the_gains_and_hardly_any_delay() -> None:
    curve = np.interp(np.arange(BINS), [0, 60, 120, 240], [0.3, 0.9, 0.4, 0.7]).astype(np.float32)
    taps = minimum_phase(curve)
    assert taps.shape == (TAPS,)
    assert np.abs(np.fft.rfft(taps, 2 * HOP_SAMPLES)) == pytest.approx(curve, rel=0.03)
    assert int(np.abs(taps).argmax()) == 0
    assert minimum_phase(gains(1.0)).tolist() == [1.0] + [0.0] * (TAPS - 1)
