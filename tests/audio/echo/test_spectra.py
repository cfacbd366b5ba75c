import numpy as np

from moshi_speaker.audio.echo.spectra import BINS, Spectra
from moshi_speaker.audio.frames import HOP_SAMPLES, Samples
from tests.audio.echo.sounds import hops, noise

ROWS = 6


def spectrum(before: Samples, hop: Samples) -> np.ndarray:
    return np.asarray(np.fft.rfft(np.concatenate((before, hop))))


def test_the_newest_hop_comes_first() -> None:
    spectra = Spectra(ROWS)
    sound = list(hops(noise(4 * HOP_SAMPLES, 0.1, seed=1)))
    for hop in sound:
        spectra.push(hop)
    seen, power = spectra.window(3)
    assert seen.shape == power.shape == (3, BINS)
    for row, number in enumerate((3, 2, 1)):
        expected = spectrum(sound[number - 1], sound[number])
        assert np.allclose(seen[row], expected, atol=1e-4)
        assert np.allclose(power[row], np.abs(expected) ** 2, rtol=1e-3, atol=1e-5)


def test_hops_can_be_seen_as_they_were() -> None:
    spectra = Spectra(ROWS)
    for hop in hops(noise(4 * HOP_SAMPLES, 0.1, seed=1)):
        spectra.push(hop)
    before = spectra.window(3)[0].copy()
    for hop in hops(noise(2 * HOP_SAMPLES, 0.1, seed=2)):
        spectra.push(hop)
    assert np.array_equal(spectra.window(3, back=2)[0], before)


def test_a_ring_that_went_round_is_the_same_as_a_fresh_one() -> None:
    sound = noise(40 * HOP_SAMPLES, 0.1, seed=1)
    spectra, fresh = Spectra(ROWS), Spectra(ROWS)
    for number, hop in enumerate(hops(sound), start=1):
        spectra.push(hop)
        if number > ROWS:
            fresh.rebuild(sound[(number - ROWS - 1) * HOP_SAMPLES : number * HOP_SAMPLES])
            for old, new in zip(spectra.window(ROWS), fresh.window(ROWS), strict=True):
                assert np.allclose(old, new, rtol=1e-4, atol=1e-5)


def test_after_a_rebuild_it_goes_on() -> None:
    sound = noise(20 * HOP_SAMPLES, 0.1, seed=1)
    pushed, rebuilt = Spectra(ROWS), Spectra(ROWS)
    rebuilt.rebuild(sound[: (ROWS + 1) * HOP_SAMPLES])
    for number, hop in enumerate(hops(sound)):
        pushed.push(hop)
        if number > ROWS:
            rebuilt.push(hop)
    assert np.allclose(pushed.window(ROWS)[0], rebuilt.window(ROWS)[0], atol=1e-4)


def test_it_is_silent_once_no_row_has_sound() -> None:
    spectra = Spectra(ROWS)
    quiet, loud = np.zeros(HOP_SAMPLES, np.float32), noise(HOP_SAMPLES, 0.1, seed=1)
    assert spectra.silent
    spectra.push(loud)
    seen = []
    for _ in range(ROWS + 2):
        seen.append((bool(spectra.window(ROWS)[1].any()), spectra.silent))
        spectra.push(quiet)
    # the last row is at last of the loud hop and the one after it
    assert seen == [(True, False)] * (ROWS + 1) + [(False, True)]


def test_silence_that_was_skipped_leaves_no_trace() -> None:
    spectra, loud = Spectra(ROWS), noise(HOP_SAMPLES, 0.1, seed=1)
    spectra.push(noise(HOP_SAMPLES, 0.1, seed=2))
    for _ in range(5 * ROWS):
        spectra.push(np.zeros(HOP_SAMPLES, np.float32))
    spectra.push(loud)
    assert not spectra.silent
    seen = spectra.window(ROWS)[0]
    assert np.allclose(seen[0], spectrum(np.zeros(HOP_SAMPLES, np.float32), loud), atol=1e-4)
    assert not seen[1:].any()


def test_a_rebuild_knows_silence() -> None:
    spectra, sound = Spectra(ROWS), np.zeros((ROWS + 1) * HOP_SAMPLES, np.float32)
    spectra.push(noise(HOP_SAMPLES, 0.1, seed=1))
    spectra.rebuild(sound)
    assert spectra.silent
    sound[0] = 1.0
    spectra.rebuild(sound)
    assert not spectra.silent
