"""The detector over an engine that says what it is told."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from moshi_speaker.settings import WakeSettings
from moshi_speaker.wake.detector import CHUNK_SECONDS, JOIN_SECONDS, Detection, Detector
from moshi_speaker.wake.policy import WakePolicy
from moshi_speaker.wake.statistics import WakeStatistics, WordStatistics
from moshi_speaker.wake.trigger import GATE_CHUNKS
from tests.wake.scripted import SILENCE, ScriptedEngine, hear

DEFAULT = WakePolicy.from_settings(WakeSettings())
ONE = WakePolicy(threshold=0.5, patience=1, refractory_s=0.0, guarded_threshold=0.8)


def open_at_once(engine: ScriptedEngine, policy: WakePolicy = ONE) -> Detector:
    """A detector without a gate."""
    return Detector(engine, policy, gate_chunks=0)


def bins(**counts: int) -> tuple[int, ...]:
    """A histogram with counts at bins named like b4."""
    return tuple(counts.get(f"b{number}", 0) for number in range(10))


def test_noise_after_the_start_and_after_each_reset_wakes_nothing() -> None:
    noise = np.random.default_rng(1).uniform(0.9, 1.0, GATE_CHUNKS).tolist()
    quiet = [0.0] * 10
    detector = Detector(ScriptedEngine(hey_test=[*noise, *quiet, *noise, *quiet, *noise]), DEFAULT)
    assert hear(detector, 26) == []
    detector.reset()
    assert hear(detector, 26, start=26) == []
    detector.reset()
    assert hear(detector, 16, start=52) == []
    assert detector.statistics.near_misses == 0


def test_a_word_just_after_the_gate_is_heard() -> None:
    detector = Detector(ScriptedEngine(hey_test=[0.0] * 16 + [0.8, 0.9]), DEFAULT)
    assert hear(detector, 18) == [Detection("hey_test", 0.9, 18 * CHUNK_SECONDS)]


def test_a_block_or_two_that_are_missing_make_nobody_deaf() -> None:
    engine = ScriptedEngine(hey_test=[0.0] * 16 + [0.8, 0.9])
    detector = Detector(engine, DEFAULT)
    hear(detector, 17)
    assert detector.hear(SILENCE, 18 * CHUNK_SECONDS + JOIN_SECONDS - 0.01) is not None
    assert engine.calls == []


def test_after_a_longer_break_the_sound_begins_anew_with_the_gate_closed() -> None:
    engine = ScriptedEngine(hey_test=[0.0] * 16 + [1.0] * 40)
    detector = Detector(engine, ONE)
    assert len(hear(detector, 17)) == 1
    chunks = [detector.hear(SILENCE, 5.0 + n * CHUNK_SECONDS) is not None for n in range(18)]
    assert chunks == [False] * 16 + [True, False]
    assert engine.calls == ["reset"]


def test_the_settings_reach_the_policy() -> None:
    settings = WakeSettings(threshold=0.8, patience=3, refractory_s=0.4)
    scores = [0.0] * 16 + [0.79] * 5 + [0.0] + [0.8] * 3 + [0.0] + [0.8] * 3 + [0.0] + [0.8] * 3
    detector = Detector(ScriptedEngine(hey_test=scores), WakePolicy.from_settings(settings))
    assert [round(detection.at / CHUNK_SECONDS) for detection in hear(detector, len(scores))] == [25, 33]


def test_policy_and_guard_may_be_set_at_any_time() -> None:
    detector = open_at_once(ScriptedEngine(hey_test=[0.6, 0.0, 0.6, 0.0, 0.6, 0.0, 0.6, 0.0]))
    assert len(hear(detector, 2)) == 1
    detector.guarded = True
    assert hear(detector, 2, start=2) == []
    detector.guarded = False
    detector.policy = replace(detector.policy, threshold=0.7)
    assert hear(detector, 2, start=4) == []
    detector.policy = replace(detector.policy, threshold=0.3)
    assert len(hear(detector, 2, start=6)) == 1


def test_each_word_is_told_by_its_name() -> None:
    engine = ScriptedEngine(one=[0.9, 0.0, 0.0], two=[0.0, 0.0, 0.8])
    detector = open_at_once(engine)
    assert detector.wake_words == ("one", "two")
    assert [(heard.wake_word, heard.score) for heard in hear(detector, 3)] == [("one", 0.9), ("two", 0.8)]


def test_the_statistics_tell_of_each_word() -> None:
    one = [0.9, 0.0, 0.3, 0.0, 0.1, 0.0]
    two = [0.0, 0.0, 0.0, 0.4, 0.45, 0.0]
    detector = open_at_once(ScriptedEngine(one=one, two=two))
    assert detector.statistics == WakeStatistics({"one": WordStatistics(), "two": WordStatistics()})
    hear(detector, 5)
    assert (detector.statistics.last_score, detector.statistics.last_scored_at) == (0.45, 0.4)
    hear(detector, 1, start=5)
    statistics = detector.statistics
    assert statistics.words == {
        "one": WordStatistics(1, 1, bins(b9=1, b3=1, b1=1)),
        "two": WordStatistics(0, 1, bins(b4=1)),
    }
    assert (statistics.detections, statistics.near_misses) == (1, 2)
    assert statistics.histogram == bins(b1=1, b3=1, b4=1, b9=1)


def test_a_peak_of_one_is_in_the_last_bin() -> None:
    detector = open_at_once(ScriptedEngine(hey_test=[1.0, 0.0]))
    hear(detector, 2)
    assert detector.statistics.histogram == bins(b9=1)


def test_a_snapshot_stays_as_it_was_taken() -> None:
    detector = open_at_once(ScriptedEngine(hey_test=[0.0, 0.4, 0.0]))
    hear(detector, 1)
    before = detector.statistics
    hear(detector, 2, start=1)
    assert (before.near_misses, detector.statistics.near_misses) == (0, 1)
    with pytest.raises(FrozenInstanceError):
        before.last_score = 1.0  # type: ignore[misc]


def test_a_score_that_is_no_number_is_no_sign_of_life() -> None:
    detector = open_at_once(ScriptedEngine(one=[0.2, float("nan")], two=[0.1, 0.3]))
    assert hear(detector, 2) == []
    assert detector.statistics.last_score == 0.3
    assert detector.statistics.last_scored_at == CHUNK_SECONDS


def test_the_detector_owns_its_engine() -> None:
    engine = ScriptedEngine(hey_test=[])
    detector = Detector(engine, DEFAULT)
    detector.reset()
    detector.close()
    assert engine.calls == ["reset", "close"]
