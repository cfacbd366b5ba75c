import numpy as np
import pytest

from moshi_speaker.audio.echo.bands import COUNT, power
from moshi_speaker.audio.echo.leakage import UNKNOWN, Leakage
from moshi_speaker.audio.frames import HOP_SAMPLES, SAMPLE_RATE, Samples
from tests.audio.echo.sounds import babble, hops, noise


def feed(leakage: Leakage, left: Samples, echo: Samples) -> None:
    for rest, removed in zip(hops(left), hops(echo), strict=True):
        leakage.hear(power(rest))
        leakage.compare(power(rest), power(removed))


def test_at_first_all_of_the_echo_may_be_left() -> None:
    leakage = Leakage()
    assert leakage.leak == UNKNOWN
    assert leakage.reduction_db == 0.0
    assert not leakage.residual.any()
    assert not leakage.noise.any()


@pytest.mark.parametrize("reduction_db", [10.0, 20.0])
def test_it_finds_how_much_is_left(reduction_db: float) -> None:
    echo, leakage = noise(4 * SAMPLE_RATE, 0.1, seed=1), Leakage()
    for _ in range(50):
        leakage.hear(power(noise(HOP_SAMPLES, 1e-4, seed=2)))
    feed(leakage, echo * np.float32(10 ** (-reduction_db / 20)), echo)
    assert leakage.reduction_db == pytest.approx(reduction_db, abs=1.5)
    residual = leakage.residual.sum() / power(echo[-HOP_SAMPLES:]).sum()
    assert 10 * np.log10(residual) == pytest.approx(-reduction_db, abs=3.0)


def test_it_is_still_known_after_a_long_silence() -> None:
    echo, leakage = noise(4 * SAMPLE_RATE, 0.1, seed=1), Leakage()
    feed(leakage, np.float32(0.1) * echo, echo)
    known, silence = leakage.reduction_db, np.zeros(4 * SAMPLE_RATE, np.float32)
    feed(leakage, silence, silence)
    assert known > 15.0
    assert leakage.reduction_db == pytest.approx(known, abs=0.1)


def test_somebody_who_talks_most_of_the_time_is_not_taken_for_the_echo() -> None:
    echo, leakage = noise(10 * SAMPLE_RATE, 0.1, seed=1), Leakage()
    talks = np.arange(len(echo)) % SAMPLE_RATE >= SAMPLE_RATE // 5
    left = np.float32(0.05) * echo + noise(len(echo), 0.1, seed=2) * talks
    feed(leakage, left.astype(np.float32), echo)
    assert leakage.reduction_db > 10.0  # of 26, while the sum of both is no softer than the echo


def test_where_the_echo_is_below_the_noise_nothing_is_learnt() -> None:
    leakage = Leakage()
    floor = noise(2 * SAMPLE_RATE, 0.01, seed=1)
    for hop in hops(floor):
        leakage.hear(power(hop))
    feed(leakage, floor, noise(len(floor), 0.003, seed=2))
    assert leakage.leak == pytest.approx(UNKNOWN)


def test_the_noise_floor_is_that_of_the_room_and_not_of_speech() -> None:
    floor, leakage = noise(6 * SAMPLE_RATE, 1e-3, seed=1), Leakage()
    talks = np.arange(len(floor)) % SAMPLE_RATE >= SAMPLE_RATE // 3
    for hop in hops(floor + babble(6.0, seed=2) * talks):
        leakage.hear(power(hop))
    assert 10 * np.log10(leakage.noise.sum()) == pytest.approx(-62, abs=5)


def test_the_noise_floor_rises_slowly_and_falls_at_once() -> None:
    leakage = Leakage()
    for hop in hops(noise(SAMPLE_RATE, 1e-3, seed=1)):
        leakage.hear(power(hop))
    before = leakage.noise.sum()
    for hop in hops(noise(SAMPLE_RATE, 0.1, seed=2)):
        leakage.hear(power(hop))
    assert 10 * np.log10(leakage.noise.sum() / before) == pytest.approx(1.3, abs=0.5)
    for hop in hops(noise(SAMPLE_RATE // 2, 1e-4, seed=3)):
        leakage.hear(power(hop))
    assert leakage.noise.sum() < 0.05 * before


def test_another_filter_leaves_what_it_is_said_to_leave() -> None:
    leakage = Leakage()
    leakage.compare(np.zeros(COUNT, np.float32), power(noise(HOP_SAMPLES, 0.1, seed=1)))
    leakage.reset(0.01)
    assert leakage.reduction_db == pytest.approx(20.0, abs=0.01)
    leakage.reset()
    assert leakage.reduction_db == pytest.approx(0.0, abs=0.01)


def test_an_echo_that_fades_below_all_numbers_leaves_none_that_is_not_one() -> None:
    leakage, nothing = Leakage(), np.zeros(COUNT, np.float32)
    leakage.reset(1e-5)
    leakage.compare(nothing, power(noise(HOP_SAMPLES, 0.1, seed=1)))
    for _ in range(400):
        leakage.compare(nothing, nothing)
        assert np.isfinite(leakage.reduction_db)
