"""Sound becomes shorter: no click, no other pitch."""

import numpy as np
import pytest

from moshi_speaker.audio.frames import FRAME_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.tempo import LONGEST_CUT, SHORTEST_CUT, shorten


def voice(pitch_hz: float, samples: int = FRAME_SAMPLES) -> Samples:
    """A sound with the harmonics of a voice."""
    time_s = np.arange(samples) / SAMPLE_RATE
    sound = np.zeros(samples, np.float32)
    for k in range(1, 8):
        sound += 0.2 / k * np.sin(2 * np.pi * pitch_hz * k * time_s)
    return sound


def steepest(samples: Samples) -> float:
    """The largest step from one sample to the next."""
    return float(np.abs(np.diff(samples)).max())


@pytest.mark.parametrize("pitch_hz", [60.0, 97.3, 123.0, 210.0, 333.3, 480.0])
def test_whole_periods_of_a_voice_are_left_out(pitch_hz: float) -> None:
    before = voice(pitch_hz)
    after = shorten(before)
    cut = len(before) - len(after)
    assert SHORTEST_CUT <= cut <= LONGEST_CUT
    periods = cut * pitch_hz / SAMPLE_RATE
    assert periods == pytest.approx(round(periods), abs=0.02)
    assert steepest(after) < 1.05 * steepest(before)


def test_frames_still_join() -> None:
    sound = voice(150.0, 3 * FRAME_SAMPLES)
    frames = sound.reshape(3, FRAME_SAMPLES)
    assert shorten(frames[1])[0] == frames[1][0]
    assert shorten(frames[1])[-1] == frames[1][-1]
    joined = np.concatenate((frames[0], shorten(frames[1]), frames[2]))
    assert steepest(joined) < 1.05 * steepest(sound)


@pytest.mark.parametrize("seed", range(3))
def test_noise_becomes_no_louder(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.1, FRAME_SAMPLES).astype(np.float32)
    shorter = shorten(noise)
    assert len(noise) - LONGEST_CUT <= len(shorter) <= len(noise) - SHORTEST_CUT
    assert np.abs(shorter).max() <= np.abs(noise).max() * 1.01
    assert np.std(shorter) == pytest.approx(np.std(noise), rel=0.1)


def test_silence_stays_silence() -> None:
    shorter = shorten(np.zeros(FRAME_SAMPLES, np.float32))
    assert len(shorter) < FRAME_SAMPLES
    assert not shorter.any()
