"""The policy over scores: what fires, what does not, and which peaks are told of."""

from dataclasses import replace

import pytest

from moshi_speaker.settings import WakeSettings
from moshi_speaker.wake.policy import WakePolicy
from moshi_speaker.wake.trigger import GATE_CHUNKS, Fired, Peak, Trigger

CHUNK_S = 0.08
NAN = float("nan")
ONE = WakePolicy(threshold=0.5, patience=1, refractory_s=0.0)
TWO = replace(ONE, patience=2)
THREE = replace(ONE, patience=3)


def trigger(*words: str, gate_chunks: int = 0) -> Trigger:
    """A trigger over words, one if none is named."""
    return Trigger(words or ("hey_test",), gate_chunks)


def fired(trigger: Trigger, scores: list[float], policy: WakePolicy, *, guarded: bool = False) -> list[int]:
    """Numbers of the chunks at which a trigger of one word fires."""
    return [
        n
        for n, score in enumerate(scores)
        if trigger.decide([score], n * CHUNK_S, policy, guarded=guarded)[0] is not None
    ]


def peaks(trigger: Trigger, scores: list[float], policy: WakePolicy) -> list[Peak]:
    """All that it tells of peaks."""
    return [
        peak for n, score in enumerate(scores) for peak in trigger.decide([score], n * CHUNK_S, policy)[1]
    ]


@pytest.mark.parametrize(
    ("policy", "scores", "expected"),
    [
        (ONE, [0.49, 0.49], []),
        (ONE, [0.49, 0.5], [1]),
        (TWO, [0.9, 0.1, 0.9, 0.1], []),
        (TWO, [0.9, 0.9], [1]),
        (TWO, [0.1, 0.9, 0.9, 0.9, 0.9], [2]),
        (THREE, [0.9, 0.9, 0.1, 0.9, 0.9, 0.9], [5]),
        (ONE, [NAN, 0.6], [1]),
        (TWO, [0.9, NAN, 0.9, NAN, NAN], []),
    ],
)
def test_a_row_of_high_scores_fires_once(
    policy: WakePolicy, scores: list[float], expected: list[int]
) -> None:
    assert fired(trigger(), scores, policy) == expected


def test_a_row_fires_once_however_long_it_lasts() -> None:
    assert fired(trigger(), [0.9] * 50 + [0.0] + [0.9] * 2, TWO) == [1, 52]


def test_nothing_fires_in_the_rest_after_a_detection() -> None:
    assert fired(trigger(), [0.9, 0.0] * 12, replace(ONE, refractory_s=0.8)) == [0, 10, 20]


def test_a_word_that_begins_at_the_end_of_the_rest_is_heard() -> None:
    scores = [0.9, 0.9, 0.0] + [0.0] * 7 + [0.9] * 4
    assert fired(trigger(), scores, replace(TWO, refractory_s=0.8)) == [1, 12]


def test_the_best_score_of_the_row_is_given() -> None:
    one = trigger()
    given = [one.decide([score], 0.0, THREE)[0] for score in (0.6, 0.95, 0.7)]
    assert given == [None, None, Fired(0, 0.95)]
    given = [one.decide([score], 1.0, THREE)[0] for score in (0.0, 0.6, 0.6, 0.6)]
    assert given == [None, None, None, Fired(0, 0.6)]


# --- Live changes -------------------------------------------------------------------------------


def test_a_policy_holds_from_the_next_chunk_on() -> None:
    one = trigger()
    assert fired(one, [0.6, 0.0], replace(ONE, threshold=0.7)) == []
    assert fired(one, [0.6, 0.0], ONE) == [0]
    assert fired(one, [0.6, 0.6], replace(ONE, patience=3)) == []
    assert one.decide([0.6], 1.0, TWO)[0] == Fired(0, 0.6), "the row is long enough for the new patience"
    assert one.decide([0.6], 1.1, ONE)[0] is None, "and has had its detection"


def test_a_rest_that_is_running_lasts_as_long_as_the_policy_says_now() -> None:
    one = trigger()
    assert fired(one, [0.9, 0.0], replace(ONE, refractory_s=1e6)) == [0]
    assert one.decide([0.9], 1.9, replace(ONE, refractory_s=2.0))[0] is None
    assert one.decide([0.9], 2.0, replace(ONE, refractory_s=2.0))[0] == Fired(0, 0.9)


def test_on_guard_the_higher_threshold_holds() -> None:
    policy = replace(ONE, guarded_threshold=0.8)
    scores = [0.79, 0.0, 0.8, 0.0]
    assert fired(trigger(), scores, policy) == [0, 2]
    assert fired(trigger(), scores, policy, guarded=True) == [2]
    assert fired(trigger(), scores, replace(policy, threshold=0.95), guarded=True) == []


def test_a_word_may_have_a_threshold_of_its_own() -> None:
    settings = WakeSettings.model_validate({"words": ("one", {"model": "two", "threshold": 0.9})})
    policy = replace(WakePolicy.from_settings(settings), patience=1)
    both = trigger("one", "two")
    assert both.decide([0.0, 0.8], 0.0, policy)[0] is None
    assert both.decide([0.6, 0.0], 0.1, policy)[0] == Fired(0, 0.6)
    assert [policy.threshold_of(word, guarded=True) for word in ("one", "two")] == [0.8, 0.9]


# --- Several words ------------------------------------------------------------------------------


def test_two_words_in_the_same_sound_are_one_detection_the_better_one() -> None:
    both = trigger("one", "two")
    policy = replace(TWO, refractory_s=0.0)
    assert both.decide([0.8, 0.6], 0.0, policy)[0] is None
    assert both.decide([0.6, 0.9], 0.08, policy) == (Fired(1, 0.9), [])
    assert both.decide([0.9, 0.9], 0.16, policy)[0] is None
    assert both.decide([0.0, 0.0], 0.24, policy)[1] == [Peak(0, 0.9, False), Peak(1, 0.9, False)]


def test_the_rest_is_one_of_all_words() -> None:
    both = trigger("one", "two")
    policy = replace(ONE, refractory_s=0.8)
    assert both.decide([0.8, 0.0], 0.0, policy)[0] == Fired(0, 0.8)
    assert both.decide([0.0, 0.9], 0.08, policy)[0] is None
    assert both.decide([0.0, 0.0], 0.16, policy)[1] == [Peak(1, 0.9, False)], "no near miss: it was heard"
    assert both.decide([0.0, 0.9], 0.80, policy)[0] == Fired(1, 0.9)


# --- Gate ---------------------------------------------------------------------------------------


def test_the_gate_lasts_as_long_as_the_classifier_looks_back() -> None:
    assert round(GATE_CHUNKS * CHUNK_S, 6) == 1.28
    assert fired(Trigger(["hey_test"]), [1.0] * 40, ONE) == [16]


def test_what_the_gate_hides_is_no_peak() -> None:
    assert peaks(trigger(gate_chunks=3), [0.4, 0.9, 0.4, 0.0, 0.0], TWO) == []


def test_a_reset_in_the_middle_of_a_row_breaks_it() -> None:
    one = trigger(gate_chunks=1)
    assert fired(one, [0.0, 0.9], TWO) == []
    one.reset()
    assert fired(one, [0.9, 0.9], TWO) == []


def test_a_reset_does_not_end_the_rest() -> None:
    policy = replace(ONE, refractory_s=2.0)
    one = trigger()
    assert fired(one, [0.9], policy) == [0]
    one.reset()
    assert one.decide([0.9], 1.9, policy)[0] is None
    assert one.decide([0.9], 2.0, policy)[0] == Fired(0, 0.9)


# --- Peaks --------------------------------------------------------------------------------------


def test_a_peak_is_told_once_with_its_best_score() -> None:
    scores = [0.0, 0.04, 0.1, 0.3, 0.2, 0.3, 0.04, 0.0]
    assert peaks(trigger(), scores, TWO) == [Peak(0, 0.3, True)]


@pytest.mark.parametrize(
    ("scores", "near_miss"),
    [
        ([0.24, 0.0], False),
        ([0.25, 0.0], True),
        ([0.9, 0.0], True),
        ([0.9, 0.9, 0.0], False),
        ([0.4, 0.9, 0.9, 0.4, 0.0], False),
        ([0.3, NAN], True),
    ],
)
def test_a_near_miss_came_near_or_was_too_short(scores: list[float], near_miss: bool) -> None:
    (peak,) = peaks(trigger(), scores, TWO)
    assert peak.near_miss is near_miss


def test_what_begins_in_the_rest_is_no_near_miss() -> None:
    policy = replace(ONE, refractory_s=0.4)
    found = peaks(trigger(), [0.9, 0.0, 0.4, 0.0, 0.0, 0.0, 0.4, 0.0], policy)
    assert found == [Peak(0, 0.9, False), Peak(0, 0.4, False), Peak(0, 0.4, True)]
