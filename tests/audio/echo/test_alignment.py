import numpy as np
import pytest

from moshi_speaker.audio.echo.alignment import MAX_DRIFT, Alignment
from moshi_speaker.audio.frames import FRAME_SAMPLES, HOP_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.reference import Reference
from tests.audio.echo.sounds import START, babble, play

HERTZ = 1_000.0


def sine(positions: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * np.sin(2 * np.pi * HERTZ / SAMPLE_RATE * positions))


def played(seconds: float = 2.0) -> Reference:
    reference = Reference()
    play(reference, sine(np.arange(round(seconds * SAMPLE_RATE))).astype(np.float32))
    return reference


def follow(alignment: Alignment, seconds: float, at: float = START) -> Samples:
    """Read hop by hop what belongs to so many seconds of the microphone."""
    pieces = []
    for number in range(round(seconds * SAMPLE_RATE) // HOP_SAMPLES):
        alignment.follow(at + number * HOP_SAMPLES / SAMPLE_RATE, HOP_SAMPLES)
        pieces.append(alignment.read(HOP_SAMPLES))
        alignment.advance(HOP_SAMPLES)
    return np.concatenate(pieces)


def test_nothing_is_known_before_anything_was_played() -> None:
    alignment = Alignment(Reference(), delay=0.1)
    assert not alignment.follow(START, FRAME_SAMPLES)
    alignment.advance(FRAME_SAMPLES)
    assert not alignment.read(100).any()
    assert alignment.silent_since(0)
    assert alignment.delay == 0.1


def test_without_a_delay_the_very_samples_are_read() -> None:
    reference = played()
    assert np.array_equal(follow(Alignment(reference), 1.0), reference.read(0, SAMPLE_RATE))


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.9])
def test_it_reads_between_the_samples(fraction: float) -> None:
    alignment = Alignment(played())
    alignment.follow(START, HOP_SAMPLES)
    alignment.move(1_000 + fraction)
    error = alignment.read(4_800) - sine(1_000 + fraction + np.arange(4_800))
    assert np.abs(error).max() < 1e-3


@pytest.mark.parametrize("drift", [50e-6, -50e-6, 500e-6, -500e-6])
def test_a_drift_is_read_without_a_seam(drift: float) -> None:
    alignment = Alignment(played(), drift=drift)
    alignment.follow(START, HOP_SAMPLES)
    alignment.move(100.003)
    n = SAMPLE_RATE // HOP_SAMPLES * HOP_SAMPLES
    error = follow(alignment, 1.0) - sine(100.003 + np.arange(n) * (1.0 + drift))
    assert np.abs(error).max() < 1e-3


@pytest.mark.parametrize("drift", [50e-6, -50e-6, 500e-6])
def test_a_long_piece_of_the_past_is_read_with_its_drift(drift: float) -> None:
    alignment = Alignment(played(), drift=drift)
    follow(alignment, 1.5)
    n = SAMPLE_RATE
    positions = (1.5 * SAMPLE_RATE - n) * (1.0 + drift) + np.arange(n) * (1.0 + drift)
    assert np.abs(alignment.read(n, back=n) - sine(positions)).max() < 1e-3


def test_what_is_read_is_a_copy() -> None:
    alignment = Alignment(played())
    alignment.follow(START, HOP_SAMPLES)
    first = alignment.read(HOP_SAMPLES)
    first[:] = 7.0
    assert np.abs(alignment.read(HOP_SAMPLES)).max() < 1.0


def test_zeros_are_read_before_the_beginning_and_after_the_end() -> None:
    reference = played(0.1)
    alignment = Alignment(reference, delay=0.05)
    alignment.follow(START, HOP_SAMPLES)
    heard = alignment.read(SAMPLE_RATE // 5)
    around = np.zeros(1_200, np.float32)
    expected = np.concatenate((around, reference.read(0, 2_400), around))
    assert np.abs(heard - expected).max() < 1e-5


def test_late_stamps_are_not_followed_but_a_gap_is() -> None:
    alignment = Alignment(played())
    alignment.follow(START, FRAME_SAMPLES)
    alignment.advance(FRAME_SAMPLES)
    alignment.follow(START + 0.08 + 0.01, FRAME_SAMPLES)
    assert alignment.delay == pytest.approx(0.01)
    alignment.advance(FRAME_SAMPLES)
    alignment.follow(START + 0.16 + 0.01 + 0.5, FRAME_SAMPLES)
    assert alignment.delay == pytest.approx(0.01)
    expected = sine(0.66 * SAMPLE_RATE + np.arange(HOP_SAMPLES))
    assert np.abs(alignment.read(HOP_SAMPLES) - expected).max() < 1e-3


@pytest.mark.parametrize("ppm", [50.0, -50.0])
def test_after_a_night_without_the_microphone_the_place_is_that_of_the_time_stamps(ppm: float) -> None:
    reference = played()
    alignment = Alignment(reference, delay=0.05)
    alignment.follow(START + 1.0, FRAME_SAMPLES)
    alignment.keep()
    alignment.advance(FRAME_SAMPLES)
    night = 8 * 3_600.0
    # A loudspeaker whose clock is fast has played more samples by then than its stamps would say.
    reference._end += round(night * SAMPLE_RATE * (1.0 + ppm * 1e-6))
    reference._end_at = START + 2.0 + night
    play(reference, sine(np.arange(SAMPLE_RATE)).astype(np.float32), START + 2.0 + night)
    alignment.follow(START + 2.5 + night, FRAME_SAMPLES)
    assert alignment.jumped
    assert alignment.delay == pytest.approx(0.05, abs=1e-3)


def test_the_delay_is_how_much_earlier_a_sound_was_played() -> None:
    alignment = Alignment(played(), delay=0.12)
    alignment.follow(START + 0.5, HOP_SAMPLES)
    assert alignment.delay == pytest.approx(0.12)
    assert (
        np.abs(alignment.read(HOP_SAMPLES) - sine(0.38 * SAMPLE_RATE + np.arange(HOP_SAMPLES))).max() < 1e-3
    )
    alignment.move(-240)
    assert alignment.delay == pytest.approx(0.13)


def idle(alignment: Alignment, minutes: float, *, jitter: float = 0.0) -> list[bool]:
    """Silence, with stamps that are late at random; when the position was put right."""
    reference, silence = alignment._reference, np.zeros(FRAME_SAMPLES, np.float32)
    random, held = np.random.default_rng(1), []
    for number in range(round(minutes * 60 / 0.08)):
        at = START + 10.0 + number * 0.08
        reference.put(silence, at + random.uniform(0.0, jitter))
        alignment.follow(at + random.uniform(0.0, jitter), FRAME_SAMPLES)
        held.append(alignment.hold())
        alignment.advance(FRAME_SAMPLES)
    return held


def test_in_long_silence_the_stamps_hold_what_a_wrong_drift_would_lose() -> None:
    alignment = Alignment(played(), delay=0.12, drift=20e-6)
    follow(alignment, 1.0)
    alignment.keep()
    held = idle(alignment, minutes=15)
    assert alignment.delay == pytest.approx(0.12, abs=0.003)  # 18 ms off without
    assert 5 < sum(held) < 15


def test_in_long_silence_late_stamps_move_nothing() -> None:
    alignment = Alignment(played(), delay=0.12)
    follow(alignment, 1.0)
    alignment.keep()
    assert not any(idle(alignment, minutes=2, jitter=0.003))


def test_a_place_that_was_put_right_is_the_one_that_is_held() -> None:
    alignment = Alignment(played(), delay=0.12)
    follow(alignment, 1.0)
    alignment.keep()
    alignment.move(-480)
    assert not any(idle(alignment, minutes=1))
    assert alignment.delay == pytest.approx(0.14, abs=1e-6)


def test_silence_is_what_was_played_long_before_and_not_since() -> None:
    reference = Reference()
    play(reference, np.concatenate((babble(0.1, seed=1), np.zeros(SAMPLE_RATE, np.float32))))
    alignment = Alignment(reference)
    alignment.follow(START + 0.2, HOP_SAMPLES)
    assert alignment.silent_since(2_000)
    assert not alignment.silent_since(3_000)


def test_a_loop_finds_the_drift_from_what_it_is_told() -> None:
    true, alignment = 50e-6, Alignment(played())
    alignment.follow(START, HOP_SAMPLES)
    misplaced = 0.0
    for _ in range(150):
        misplaced += FRAME_SAMPLES * (true - alignment.drift)
        before = alignment.delay
        alignment.correct(misplaced, FRAME_SAMPLES)
        misplaced -= (before - alignment.delay) * SAMPLE_RATE
    assert alignment.drift == pytest.approx(true, abs=1e-6)
    assert misplaced == pytest.approx(0.0, abs=0.01)


def test_the_drift_stays_within_what_clocks_do() -> None:
    alignment = Alignment(played())
    alignment.follow(START, HOP_SAMPLES)
    for _ in range(500):
        alignment.correct(0.5, FRAME_SAMPLES)
    assert alignment.drift == MAX_DRIFT


def test_a_drift_known_from_before_is_hardly_moved() -> None:
    known, fresh = Alignment(played(), drift=50e-6), Alignment(played())
    for alignment in (known, fresh):
        alignment.follow(START, HOP_SAMPLES)
        alignment.correct(0.1, FRAME_SAMPLES)
    assert known.drift == pytest.approx(50e-6, abs=1e-6)
    assert fresh.drift > 5e-6
