from collections.abc import Callable

import numpy as np
import pytest

from moshi_speaker.audio.activity import (
    FLOOR_DBFS,
    Gate,
    LevelGate,
    SileroActivity,
    SpeechGate,
    Transition,
    level_dbfs,
)
from moshi_speaker.audio.frames import SAMPLE_RATE, WAKE_CHUNK_SAMPLES, WAKE_RATE, Samples
from moshi_speaker.audio.resample import convert

Tone = Callable[..., Samples]
STARTED, ENDED = Transition.STARTED, Transition.ENDED


def test_levels(tone: Tone) -> None:
    assert level_dbfs(np.ones(100, np.float32)) == 0.0
    assert level_dbfs(tone(1000, 1.0, 1.0)) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(np.full(100, 0.1, np.float32)) == pytest.approx(-20.0)
    assert level_dbfs(np.zeros(100, np.float32)) == FLOOR_DBFS
    assert level_dbfs(np.full(100, 1e-9, np.float32)) == FLOOR_DBFS
    assert level_dbfs(np.zeros(0, np.float32)) == FLOOR_DBFS


def probabilities(sound: Samples) -> list[float]:
    activity = SileroActivity()
    chunks = range(0, len(sound) - WAKE_CHUNK_SAMPLES, WAKE_CHUNK_SAMPLES)
    return [activity.feed(sound[i : i + WAKE_CHUNK_SAMPLES]) for i in chunks]


def test_speech_is_likely_speech(speech: Samples) -> None:
    judged = probabilities(convert(speech, SAMPLE_RATE, WAKE_RATE))
    assert max(judged) > 0.9
    assert np.mean(np.asarray(judged) > 0.5) > 0.6


def test_silence_and_noise_are_not_speech() -> None:
    noise = np.random.default_rng(3).standard_normal(3 * WAKE_RATE, np.float32)
    assert max(probabilities(0.03 * noise)) < 0.3
    assert max(probabilities(0 * noise)) < 0.3


def test_pieces_of_any_length_are_judged_alike(speech: Samples) -> None:
    sound = convert(speech, SAMPLE_RATE, WAKE_RATE)[: 100 * 512]
    whole, pieces = SileroActivity(), SileroActivity()
    highest = whole.feed(sound)
    assert max(pieces.feed(sound[i : i + 333]) for i in range(0, len(sound), 333)) == highest


def test_too_little_sound_keeps_the_judgement_and_a_reset_forgets_it(speech: Samples) -> None:
    activity = SileroActivity()
    sound = convert(speech, SAMPLE_RATE, WAKE_RATE)
    first = activity.feed(sound)
    assert first > 0.9
    assert activity.feed(sound[:0]) == first
    activity.reset()
    assert activity.feed(sound[:0]) == 0.0
    assert activity.feed(sound) == first


def test_a_gate_opens_and_closes_after_its_times() -> None:
    gate = Gate(opens=0.5, closes=0.3, on_s=0.2, off_s=0.4)
    values = [0.5, 0.9, 0.5, 0.4, 0.3, 0.29, 0.1, 0.2, 0.1, 0.0, 0.0]
    seen = [gate.feed(value, i * 0.1 + 100) for i, value in enumerate(values)]
    assert seen == [None, None, STARTED, None, None, None, None, None, None, ENDED, None]
    assert not gate.active


def test_a_dip_or_a_peak_that_is_too_short_changes_nothing() -> None:
    gate = Gate(opens=0.5, closes=0.5, on_s=0.1, off_s=0.1)
    assert [gate.feed(v, i * 0.08) for i, v in enumerate([1, 0, 1, 0])] == [None] * 4
    assert [gate.feed(v, 1 + i * 0.08) for i, v in enumerate([1, 1, 1, 0, 1, 0, 1])][2:] == [
        STARTED,
        *[None] * 4,
    ]
    assert gate.active


def test_a_value_between_the_bounds_holds_the_gate() -> None:
    gate = Gate(opens=0.5, closes=0.3, on_s=0.0, off_s=0.0)
    assert gate.feed(0.4, 0.0) is None
    assert gate.feed(0.5, 0.1) is STARTED
    assert gate.feed(0.4, 0.2) is None
    assert gate.feed(0.29, 0.3) is ENDED


def test_a_reset_gate_is_closed_and_says_nothing() -> None:
    gate = LevelGate()
    assert gate.feed(-20, 0.0) is STARTED
    gate.reset()
    assert not gate.active
    assert gate.feed(-90, 9.0) is None


def test_moshi_is_audible_at_once_and_silent_after_a_moment() -> None:
    gate = LevelGate(-45.0, off_s=0.4)
    levels = [-60, -44, -50, -50, -44, -50, -50, -50, -50, -50, -50, -50]
    seen = [gate.feed(level, i * 0.08) for i, level in enumerate(levels)]
    assert seen == [None, STARTED, *[None] * 8, ENDED, None]


def test_the_user_must_speak_for_two_frames() -> None:
    gate = SpeechGate(0.5)
    assert [gate.feed(p, i * 0.08) for i, p in enumerate([0.9, 0.1, 0.9, 0.9])] == [None, None, None, STARTED]
    assert [gate.feed(0.36, 1 + i) for i in range(3)] == [None] * 3
    assert [gate.feed(0.1, 5 + i * 0.25) for i in range(3)] == [None, None, ENDED]


def test_a_gate_cannot_close_above_where_it_opens() -> None:
    with pytest.raises(ValueError, match="cannot close"):
        Gate(opens=0.3, closes=0.5, on_s=0, off_s=0)


def test_another_threshold_of_a_speech_gate_holds_at_once() -> None:
    gate = SpeechGate(0.5, on_s=0.0, off_s=0.0)
    gate.set_threshold(0.8)
    assert gate.feed(0.7, 0.0) is None
    assert gate.feed(0.8, 0.1) is STARTED
    assert gate.feed(0.66, 0.2) is None
    assert gate.feed(0.64, 0.3) is ENDED


@pytest.mark.parametrize("threshold", [0.0, 0.005, 1.0])
def test_a_speech_gate_takes_every_probability_as_its_threshold(threshold: float) -> None:
    assert SpeechGate(threshold, on_s=0.0).feed(1.0, 0.0) is STARTED
