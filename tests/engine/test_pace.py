"""How a machine's pace is measured: by medians, and with patience for one that is busy just now."""

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.engine.pace import FAR_PATIENCE_S, PATIENCE_S, measure, sample_frames

FRAMES = list(np.zeros((5, 1_920), np.float32))


class Machine:
    """Takes as long for each frame as it is told, by its own clock."""

    def __init__(self, frame_s: Iterable[float], forever: float) -> None:
        self.now = 0.0
        self.steps = 0
        self.repeats = 0
        self._frame_s = iter(frame_s)
        self._forever = forever

    def step(self, pcm: NDArray[np.float32]) -> None:
        assert pcm.shape == (1_920,)
        self.steps += 1
        self.now += next(self._frame_s, self._forever)

    def clock(self) -> float:
        return self.now

    def measured(self) -> float:
        return measure(self.step, FRAMES, 0.8, self.clock, self._again)

    def _again(self) -> None:
        self.repeats += 1


def test_the_median_counts_and_one_round_is_enough_for_a_fast_machine() -> None:
    machine = Machine([0.03, 0.5, 0.02, 0.03, 0.04], forever=1.0)
    assert machine.measured() == pytest.approx(30)
    assert machine.steps == len(FRAMES)
    assert machine.repeats == 0


def test_a_machine_that_was_busy_for_a_moment_is_measured_again() -> None:
    machine = Machine([0.2] * 8, forever=0.04)
    assert machine.measured() == pytest.approx(40)
    assert machine.steps == 15
    assert machine.repeats == 1


def test_a_machine_that_stays_too_slow_is_given_up_with_its_best_round() -> None:
    machine = Machine([0.2] * 5 + [0.09] * 5, forever=0.1)
    assert machine.measured() == pytest.approx(90)
    assert PATIENCE_S <= machine.now < PATIENCE_S + 1.0
    assert machine.repeats == 1


def test_one_that_is_far_too_slow_is_given_up_sooner() -> None:
    machine = Machine([], forever=0.2)
    assert machine.measured() == pytest.approx(200)
    assert FAR_PATIENCE_S <= machine.now <= FAR_PATIENCE_S + 1.0


def test_a_machine_that_has_just_started_up_itself_is_waited_for() -> None:
    machine = Machine([0.1] * 200, forever=0.05)
    assert machine.measured() == pytest.approx(50)


def test_a_hopeless_model_is_not_measured_for_minutes() -> None:
    machine = Machine([], forever=3.0)
    assert machine.measured() == pytest.approx(3_000)
    assert machine.steps == 3


def test_the_sound_is_silent_at_first_and_as_loud_as_speech_then() -> None:
    frames = sample_frames(20)
    assert frames.shape == (20, 1_920)
    assert frames.dtype == np.float32
    assert not frames[:10].any()
    assert 0.03 < np.sqrt(np.mean(frames[10:] ** 2)) < 0.07
    assert np.abs(frames).max() < 1.0
    assert np.array_equal(frames, sample_frames(20)), "every start measures the same"


@pytest.mark.parametrize("count", [3, 4, 25, 500])
def test_there_are_as_many_frames_as_asked_for(count: int) -> None:
    assert sample_frames(count).shape == (count, 1_920)
