import numpy as np
import pytest

from moshi_speaker.audio.echo.kalman import PARTITIONS, PRIOR, KalmanFilter, Path, unknown
from moshi_speaker.audio.echo.spectra import BINS, Spectra
from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from tests.audio.echo.sounds import babble, convolve, hops, noise, power_db, room

ROOM = room(0.25, seed=3, delay=100)


def run(canceller: KalmanFilter, far: Samples, near: Samples) -> Samples:
    """What a filter leaves of ``near``."""
    spectra, left = Spectra(PARTITIONS), []
    for played, heard in zip(hops(far), hops(near), strict=True):
        spectra.push(played)
        left.append(canceller.update(*spectra.window(PARTITIONS), heard)[0])
    return np.concatenate(left)


def taps(path: Path) -> np.ndarray:
    """The impulse response of a path: partition after partition."""
    return np.asarray(np.fft.irfft(path.response, axis=1)[:, : BINS - 1].reshape(-1))


def test_the_path_of_an_unknown_room() -> None:
    path = unknown()
    assert path.response.shape == path.variance.shape == (PARTITIONS, BINS)
    assert path.response.dtype == np.complex64
    assert path.variance.dtype == np.float32
    assert not path.response.any()
    assert path.variance[0] == pytest.approx(PRIOR)
    assert (np.diff(path.variance, axis=0) < 0).all()
    assert unknown(5).variance.shape == (5, BINS)


def test_it_learns_a_path_tap_by_tap() -> None:
    far, canceller = noise(6 * SAMPLE_RATE, 0.1, seed=1), KalmanFilter()
    left = run(canceller, far, convolve(far, ROOM))
    known = np.zeros(PARTITIONS * 240)
    known[: len(ROOM)] = ROOM
    error = taps(canceller.path) - known
    assert power_db(error) - power_db(known) < -30
    assert power_db(left[-SAMPLE_RATE:]) - power_db(convolve(far, ROOM)[-SAMPLE_RATE:]) < -30


def test_it_learns_from_what_is_like_speech_within_two_seconds() -> None:
    far = babble(3.0, seed=1)
    echo = convolve(far, ROOM)
    left = run(KalmanFilter(), far, echo + noise(len(echo), 1e-3, seed=2))
    assert power_db(echo[-SAMPLE_RATE:]) - power_db(left[-SAMPLE_RATE:]) > 22


def test_it_holds_still_while_somebody_else_talks() -> None:
    far = babble(4.0, seed=1)
    echo, talker = convolve(far, ROOM), babble(4.0, seed=9)
    canceller = KalmanFilter()
    run(canceller, far, echo)
    left = run(canceller, far, echo + talker)
    rest = left - talker[: len(left)]
    assert power_db(echo[SAMPLE_RATE:]) - power_db(rest[SAMPLE_RATE:]) > 18


def test_nothing_played_teaches_nothing() -> None:
    canceller = KalmanFilter()
    near = noise(SAMPLE_RATE, 0.1, seed=1)
    left = run(canceller, np.zeros(SAMPLE_RATE, np.float32), near)
    assert np.array_equal(left, near)
    assert not canceller.path.response.any()


@pytest.mark.parametrize("level", [1e-9, 1e-4, 1.0, 30.0])
def test_uncertainty_stays_a_positive_number_however_loud_it_is(level: float) -> None:
    far, canceller = noise(SAMPLE_RATE, level, seed=1), KalmanFilter()
    left = run(canceller, far, convolve(far, ROOM))
    path = canceller.path
    assert np.isfinite(left).all()
    assert np.isfinite(path.response).all()
    assert (path.variance > 0).all()
    assert path.variance.max() < 10 * PRIOR


def test_what_is_heard_makes_it_more_certain() -> None:
    far, canceller = noise(SAMPLE_RATE, 0.1, seed=1), KalmanFilter()
    before = canceller.path.variance[0].mean()
    run(canceller, far, convolve(far, ROOM))
    assert canceller.path.variance[0].mean() < 0.1 * before


def test_a_known_path_works_from_the_first_hop_and_is_not_shared() -> None:
    far = babble(4.0, seed=1)
    echo, canceller = convolve(far, ROOM), KalmanFilter()
    run(canceller, far, echo)
    path = canceller.path
    kept = path.response.copy()
    again = babble(0.5, seed=5)
    left = run(KalmanFilter(path), again, convolve(again, ROOM))
    assert power_db(convolve(again, ROOM)) - power_db(left) > 18
    assert np.array_equal(path.response, kept)


def test_the_echo_and_the_rest_make_up_the_microphone() -> None:
    far, canceller = babble(0.5, seed=1), KalmanFilter()
    near, spectra = convolve(far, ROOM), Spectra(PARTITIONS)
    for played, heard in zip(hops(far), hops(near), strict=True):
        spectra.push(played)
        left, echo = canceller.update(*spectra.window(PARTITIONS), heard)
        assert left.dtype == echo.dtype == np.float32
        assert np.allclose(left + echo, heard, atol=1e-6)
