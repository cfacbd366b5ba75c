from collections.abc import Callable

import numpy as np
import pytest

from moshi_speaker.audio.frames import BLOCK_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.reference import Reference

Tone = Callable[..., Samples]


def play(reference: Reference, sound: Samples, at: float, late: float = 0.0) -> None:
    """Block by block; every other stamp is ``late``."""
    for number, start in enumerate(range(0, len(sound), BLOCK_SAMPLES)):
        reference.put(sound[start : start + BLOCK_SAMPLES], at + start / SAMPLE_RATE + number % 2 * late)


def test_before_anything_was_played_there_is_no_position() -> None:
    reference = Reference()
    assert reference.position(1.0) is None
    assert reference.silent(0)
    assert not reference.read(0, 10).any()


def test_what_was_played_is_found_by_its_time(tone: Tone) -> None:
    reference, sound = Reference(), tone(440, 0.4)
    play(reference, sound, at=50.0, late=0.004)
    position = reference.position(50.1)
    assert position == pytest.approx(0.1 * SAMPLE_RATE, abs=0.004 * SAMPLE_RATE + 1)
    assert np.array_equal(reference.read(1000, 2000), sound[1000:3000])


def test_a_device_gets_what_the_mixer_gives_and_it_is_kept(tone: Tone) -> None:
    reference, sound = Reference(), tone(440, 0.02)
    render = reference.tap(lambda n, at: sound[:n])
    assert np.array_equal(render(BLOCK_SAMPLES, 7.0), sound)
    assert np.array_equal(reference.read(0, BLOCK_SAMPLES), sound)
    assert reference.position(7.0) == pytest.approx(0, abs=1e-6)


def test_time_that_the_device_lost_is_silence(tone: Tone) -> None:
    reference, sound = Reference(), tone(440, 0.1)
    play(reference, sound, at=1.0)
    play(reference, sound, at=1.3)
    assert np.array_equal(reference.read(0, 2400), sound)
    assert not reference.read(2400, 4800).any()
    assert np.array_equal(reference.read(7200, 2400), sound)
    assert reference.position(1.3) == pytest.approx(7200, abs=1)


def test_only_the_latest_seconds_are_kept_and_the_rest_is_zero(tone: Tone) -> None:
    reference, sound = Reference(seconds=0.1), tone(440, 0.3)
    play(reference, sound, at=1.0)
    assert not reference.read(0, 4800).any()
    assert np.array_equal(reference.read(4800, 2400), sound[4800:])
    assert not reference.read(7200, 100).any()


def test_a_long_pause_moves_the_axis_on(tone: Tone) -> None:
    reference, sound = Reference(seconds=0.1), tone(440, 0.1)
    play(reference, sound, at=1.0)
    play(reference, sound, at=11.0)
    assert reference.position(11.0) == pytest.approx(10 * SAMPLE_RATE, abs=1)
    assert np.array_equal(reference.read(10 * SAMPLE_RATE, 2400), sound)


def test_silence_is_known(tone: Tone) -> None:
    reference = Reference()
    play(reference, tone(440, 0.1), at=1.0)
    play(reference, np.zeros(4800, np.float32), at=1.1)
    assert not reference.silent(1000)
    assert reference.silent(2400)


def test_what_is_not_a_number_was_not_played(tone: Tone) -> None:
    reference, sound = Reference(), tone(440, 0.04)
    reference.put(np.full(480, np.nan, np.float32), 1.0)
    reference.put(sound, 1.02)
    assert not reference.read(0, 480).any()
    assert np.array_equal(reference.read(480, 960), sound)


def test_a_stamp_that_goes_back_moves_nothing(tone: Tone) -> None:
    reference, sound = Reference(), tone(440, 0.1)
    play(reference, sound, at=1.0)
    play(reference, sound, at=1.08)
    assert np.array_equal(reference.read(0, 4800), np.concatenate((sound, sound)))
