import numpy as np
import pytest

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.selftest.findings import Sweep
from moshi_speaker.selftest.programme import speech, sweep
from moshi_speaker.selftest.sweep import BEFORE_S, HEARD_S, measure
from tests.selftest.rooms import Room


def swept(room: Room) -> Sweep:
    found, _ = measure(sweep(), heard(room))
    return found


def heard(room: Room) -> Samples:
    played = np.zeros(round(HEARD_S * SAMPLE_RATE), np.float32)
    begin = round(BEFORE_S * SAMPLE_RATE)
    played[begin : begin + len(sweep())] = sweep()
    return room.hear(played)


@pytest.mark.parametrize("delay_s", [0.01, 0.12, 0.4, 2.0])
def test_the_delay_is_found_to_the_sample(delay_s: float) -> None:
    assert swept(Room(delay_s=delay_s)).delay_ms == pytest.approx(1e3 * delay_s, abs=0.05)


def test_a_microphone_whose_clock_is_ahead_hears_before_it_is_played() -> None:
    sound = heard(Room(delay_s=0.05))
    found, _ = measure(sweep(), np.roll(sound, -round(0.15 * SAMPLE_RATE)))
    assert found.delay_ms == pytest.approx(-100.0, abs=0.05)


@pytest.mark.parametrize("noise_dbfs", [-200.0, -60.0, -40.0])
def test_the_level_is_that_of_the_sweep_alone(noise_dbfs: float) -> None:
    found = swept(Room(t60_s=0.0, gain=0.25, noise_dbfs=noise_dbfs))
    assert found.heard
    assert found.level_dbfs - found.played_dbfs == pytest.approx(-12.04, abs=0.1)


@pytest.mark.parametrize("noise_dbfs", [-200.0, -66.0, -20.0])
def test_of_headphones_nothing_is_heard(noise_dbfs: float) -> None:
    assert not swept(Room(gain=0.0, noise_dbfs=noise_dbfs)).heard


def test_what_hums_or_talks_meanwhile_is_no_sweep() -> None:
    t = np.arange(round(HEARD_S * SAMPLE_RATE)) / SAMPLE_RATE
    hum = 0.05 * (np.sin(2.0 * np.pi * 150.0 * t) + np.sin(2.0 * np.pi * 1_000.0 * t))
    talk = np.resize(speech(4.0), len(t))
    for sound in (hum, talk, talk + hum):
        assert not measure(sweep(), sound.astype(np.float32))[0].heard


def test_a_sweep_below_the_noise_is_heard_too() -> None:
    found = swept(Room(gain=0.005, t60_s=0.0, noise_dbfs=-60.0))
    assert found.heard
    assert found.delay_ms == pytest.approx(60.0, abs=0.1)


def test_a_turned_sign_is_noticed() -> None:
    assert swept(Room(gain=-0.5)).inverted
    assert not swept(Room(gain=0.5)).inverted


@pytest.mark.parametrize("distortion", [0.01, 0.05, 0.2])
def test_harmonics_are_told_from_the_room(distortion: float) -> None:
    assert swept(Room(distortion=distortion)).distortion == pytest.approx(distortion, rel=0.1)


def test_a_clean_loudspeaker_does_not_distort() -> None:
    found = swept(Room(t60_s=0.6)).distortion
    assert found is not None
    assert found < 0.002


def test_noise_is_not_taken_for_distortion() -> None:
    found = swept(Room(gain=0.01, noise_dbfs=-60.0))
    assert found.heard
    assert found.distortion is None


@pytest.mark.parametrize("t60_s", [0.15, 0.3, 0.6])
def test_the_reverberation_is_that_of_the_room(t60_s: float) -> None:
    assert swept(Room(t60_s=t60_s)).reverberation_s == pytest.approx(t60_s, rel=0.1)


def test_a_reverberation_that_drowns_in_noise_is_not_known() -> None:
    assert swept(Room(noise_dbfs=-35.0)).reverberation_s is None


def test_clipping_is_counted() -> None:
    assert swept(Room(gain=2.0, noise_dbfs=-66.0)).clipped > 0.005
    assert swept(Room(gain=0.5)).clipped == 0.0


def test_the_response_is_that_of_the_room_from_the_direct_sound_on() -> None:
    _, response = measure(sweep(), heard(Room(t60_s=0.0, gain=0.5)))
    assert np.argmax(np.abs(response)) == 0
    assert np.sum(np.square(response)) == pytest.approx(0.25 * 0.8, rel=0.3)  # half, from 100 Hz to 10 kHz
