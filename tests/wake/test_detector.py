"""The trigger policy, and the detector over an engine that says what it is told."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.settings import WakeSettings
from moshi_speaker.wake.detector import CHUNK_SAMPLES, GATE_CHUNKS, Detection, Detector, Trigger

CHUNK_S = 0.08


class ScriptedEngine:
    """Gives the scores of a list, one a chunk, then zeros."""

    name = "hey_test"

    def __init__(self, scores: Iterable[float]) -> None:
        self.calls: list[str] = []
        self._scores: Iterator[float] = iter(scores)

    def score(self, chunk: NDArray[np.int16]) -> float:
        assert chunk.shape == (CHUNK_SAMPLES,)
        return next(self._scores, 0.0)

    def reset(self) -> None:
        self.calls.append("reset")

    def close(self) -> None:
        self.calls.append("close")


def fired(trigger: Trigger, scores: list[float]) -> list[int]:
    """Numbers of the chunks at which the trigger fires."""
    return [n for n, score in enumerate(scores) if trigger.decide(score, n * CHUNK_S) is not None]


def hear(detector: Detector, chunks: int, start: int = 0) -> list[Detection]:
    """The detections in so many chunks of silence."""
    silence = np.zeros(CHUNK_SAMPLES, np.int16)
    heard = [detector.hear(silence, (start + n + 1) * CHUNK_S) for n in range(chunks)]
    return [detection for detection in heard if detection is not None]


@pytest.mark.parametrize(
    ("patience", "scores", "expected"),
    [
        (1, [0.49, 0.49], []),
        (1, [0.49, 0.5], [1]),
        (2, [0.9, 0.1, 0.9, 0.1], []),
        (2, [0.9, 0.9], [1]),
        (2, [0.1, 0.9, 0.9, 0.9, 0.9], [2]),
        (3, [0.9, 0.9, 0.1, 0.9, 0.9, 0.9], [5]),
        (1, [float("nan"), 0.6], [1]),
    ],
)
def test_a_row_of_high_scores_fires_once(patience: int, scores: list[float], expected: list[int]) -> None:
    trigger = Trigger(threshold=0.5, patience=patience, refractory_s=0, gate_chunks=0)
    assert fired(trigger, scores) == expected


def test_a_row_fires_once_however_long_it_lasts() -> None:
    trigger = Trigger(threshold=0.5, patience=2, refractory_s=0, gate_chunks=0)
    assert fired(trigger, [0.9] * 50 + [0.0] + [0.9] * 2) == [1, 52]


def test_nothing_fires_in_the_rest_after_a_detection() -> None:
    trigger = Trigger(threshold=0.5, patience=1, refractory_s=0.8, gate_chunks=0)
    assert fired(trigger, [0.9, 0.0] * 12) == [0, 10, 20]


def test_a_word_that_begins_at_the_end_of_the_rest_is_heard() -> None:
    trigger = Trigger(threshold=0.5, patience=2, refractory_s=0.8, gate_chunks=0)
    scores = [0.9, 0.9, 0.0] + [0.0] * 7 + [0.9] * 4
    assert fired(trigger, scores) == [1, 12]


def test_the_best_score_of_the_row_is_given() -> None:
    trigger = Trigger(threshold=0.5, patience=3, refractory_s=0, gate_chunks=0)
    assert [trigger.decide(score, 0.0) for score in (0.6, 0.95, 0.7)] == [None, None, 0.95]
    assert [trigger.decide(score, 1.0) for score in (0.0, 0.6, 0.6, 0.6)] == [None, None, None, 0.6]


def test_rows_that_are_too_short_are_counted() -> None:
    trigger = Trigger(threshold=0.5, patience=3, refractory_s=0, gate_chunks=0)
    fired(trigger, [0.9, 0.0, 0.9, 0.9, 0.0, 0.0, 0.9, 0.9, 0.9, 0.9, 0.0, 0.4, 0.0])
    assert trigger.near_misses == 2


def test_the_gate_lasts_as_long_as_the_classifier_looks_back() -> None:
    assert round(GATE_CHUNKS * CHUNK_S, 6) == 1.28
    trigger = Trigger(threshold=0.5, patience=1, refractory_s=0)
    assert fired(trigger, [1.0] * 40) == [16]


def test_noise_after_the_start_and_after_each_reset_wakes_nothing() -> None:
    noise = np.random.default_rng(1).uniform(0.9, 1.0, GATE_CHUNKS).tolist()
    quiet = [0.0] * 10
    detector = Detector.over(ScriptedEngine([*noise, *quiet, *noise, *quiet, *noise]), WakeSettings())
    assert hear(detector, 26) == []
    detector.reset()
    assert hear(detector, 26, start=26) == []
    detector.reset()
    assert hear(detector, 16, start=52) == []
    assert detector.near_misses == 0


def test_a_word_just_after_the_gate_is_heard() -> None:
    detector = Detector.over(ScriptedEngine([0.0] * 16 + [0.8, 0.9]), WakeSettings())
    assert hear(detector, 18) == [Detection("hey_test", 0.9, 18 * CHUNK_S)]


def test_a_reset_in_the_middle_of_a_row_breaks_it() -> None:
    trigger = Trigger(threshold=0.5, patience=2, refractory_s=0, gate_chunks=1)
    assert fired(trigger, [0.0, 0.9]) == []
    trigger.reset()
    assert fired(trigger, [0.9, 0.9]) == []


def test_a_reset_does_not_end_the_rest() -> None:
    trigger = Trigger(threshold=0.5, patience=1, refractory_s=2.0, gate_chunks=0)
    assert fired(trigger, [0.9]) == [0]
    trigger.reset()
    assert trigger.decide(0.9, 1.9) is None
    assert trigger.decide(0.9, 2.0) == 0.9


def test_the_settings_reach_the_policy() -> None:
    settings = WakeSettings(threshold=0.8, patience=3, refractory_s=0.4)
    scores = [0.0] * 16 + [0.79] * 5 + [0.0] + [0.8] * 3 + [0.0] + [0.8] * 3 + [0.0] + [0.8] * 3
    detector = Detector.over(ScriptedEngine(scores), settings)
    assert [round(detection.at / CHUNK_S) for detection in hear(detector, len(scores))] == [25, 33]


def test_the_detector_owns_its_engine() -> None:
    engine = ScriptedEngine([])
    detector = Detector.over(engine, WakeSettings())
    assert detector.wake_word == "hey_test"
    detector.reset()
    detector.close()
    assert engine.calls == ["reset", "close"]
