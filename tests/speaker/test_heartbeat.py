from dataclasses import replace

import numpy as np
import pytest

from moshi_speaker.speaker.heartbeat import HANG_S, STALL_S, Ages, Miss, Part, Signs, missed

WELL = Ages(captured_s=0.1, sounding_s=0.1, scored_s=0.2, stepped_s=0.3, played_s=0.05)
NOTHING_DUE = Ages(None, None, None, None, None)
ZEROS_S = 3.0
SOUND = np.full(4, 0.1, np.float32)
ZEROS = np.zeros(4, np.float32)


@pytest.fixture(autouse=True)
def patient_heartbeat() -> None:
    """The true deadlines count here."""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("late", "part"),
    [
        ({"captured_s": STALL_S + 0.1}, Part.MICROPHONE),
        ({"played_s": STALL_S + 0.1}, Part.LOUDSPEAKER),
        ({"scored_s": HANG_S + 0.1}, Part.FRONT_END),
        ({"stepped_s": HANG_S + 0.1}, Part.ENGINE),
    ],
)
def test_each_part_has_its_deadline(late: dict[str, float], part: Part) -> None:
    ages = replace(WELL, **late)
    (age,) = late.values()
    assert missed(ages, ZEROS_S) == Miss(part, age)
    assert missed(replace(ages, **dict.fromkeys(late, age - 0.2)), ZEROS_S) is None


def test_zeros_are_counted_as_long_as_they_come() -> None:
    zeros = replace(WELL, captured_s=0.5, sounding_s=0.5 + ZEROS_S + 0.1)
    miss = missed(zeros, ZEROS_S)
    assert miss is not None
    assert miss.part is Part.SILENCE
    assert miss.age_s == pytest.approx(ZEROS_S + 0.1)
    assert missed(replace(WELL, captured_s=4.0, sounding_s=4.0), ZEROS_S) is None


def test_the_cause_comes_before_what_follows_from_it() -> None:
    assert missed(Ages(99.0, 99.0, 99.0, 99.0, 0.1), ZEROS_S) == Miss(Part.MICROPHONE, 99.0)


def test_what_is_not_due_is_not_missed_and_zeros_may_be_allowed() -> None:
    assert missed(NOTHING_DUE, ZEROS_S) is None
    assert missed(replace(WELL, sounding_s=1e6), 0.0) is None


def test_nothing_is_due_before_the_device_is_open() -> None:
    clock = Clock()
    assert Signs(clock).ages(clock.now) == NOTHING_DUE


def test_every_sign_resets_its_own_age() -> None:
    clock = Clock()
    signs = Signs(clock)
    signs.restart(capturing=True)
    signs.talk(True)
    clock.now = 101.0
    assert signs.captured(SOUND)
    clock.now = 102.0
    assert not signs.captured(ZEROS)
    clock.now = 103.0
    signs.scored()
    clock.now = 104.0
    signs.stepped()
    clock.now = 105.0
    signs.played()
    assert signs.ages(106.0) == Ages(4.0, 5.0, 3.0, 2.0, 1.0)


def test_a_microphone_that_is_off_owes_nothing_and_the_loudspeaker_does() -> None:
    clock = Clock()
    signs = Signs(clock)
    signs.talk(True)
    signs.restart(capturing=False)
    assert signs.ages(103.0) == Ages(None, None, None, None, 3.0)
    clock.now = 110.0
    signs.restart(capturing=True)
    assert signs.ages(111.0) == Ages(1.0, 1.0, 1.0, 1.0, 1.0)
    signs.close()
    assert signs.ages(120.0) == NOTHING_DUE


def test_the_model_owes_an_answer_in_a_talk_only() -> None:
    clock = Clock()
    signs = Signs(clock)
    signs.restart(capturing=True)
    signs.stepped()
    assert signs.ages(101.0).stepped_s is None
    signs.talk(True)
    assert signs.ages(101.0).stepped_s == 1.0
    signs.talk(False)
    assert signs.ages(101.0).stepped_s is None
