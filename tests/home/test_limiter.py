import random
from itertools import pairwise

from moshi_speaker.events import (
    HealthRequested,
    MuteRequested,
    StartRequested,
    StopRequested,
    VolumeRequested,
)
from moshi_speaker.home.limiter import BURST, PER_S, TELL_S, Command, Limiter, Refusal
from moshi_speaker.home.topics import Topics

TOPICS = Topics("moshi-speaker", "kitchen")
VOLUME, MUTE, TALK = TOPICS.volume_set, TOPICS.mute_set, TOPICS.conversation_set
HEALTH = TOPICS.request("health")
ON, OFF, START, STOP = MuteRequested(True), MuteRequested(False), StartRequested(), StopRequested()


def exhausted(topic: str, command: Command, now: float = 0.0) -> Limiter:
    """One whose bucket for this topic has just become empty."""
    limiter = Limiter()
    for _ in range(BURST):
        assert limiter.admit(topic, command, now) == (command,)
    return limiter


def test_a_burst_goes_through_and_then_so_many_a_second() -> None:
    limiter = exhausted(HEALTH, HealthRequested())
    passed = sum(len(limiter.admit(HEALTH, HealthRequested(), n / 1_000)) for n in range(1, 3_001))
    assert passed == 3 * PER_S


def test_after_a_rest_a_burst_goes_through_again_and_no_more() -> None:
    limiter = exhausted(HEALTH, HealthRequested())
    passed = sum(len(limiter.admit(HEALTH, HealthRequested(), 3_600.0)) for _ in range(3 * BURST))
    assert passed == BURST


def test_a_topic_does_not_suffer_from_another() -> None:
    limiter = exhausted(VOLUME, VolumeRequested(1))
    assert limiter.admit(HEALTH, HealthRequested(), 0.0) == (HealthRequested(),)


def test_of_values_the_newest_waits_for_room() -> None:
    limiter = exhausted(VOLUME, VolumeRequested(0))
    for percent in range(1, 100):
        assert limiter.admit(VOLUME, VolumeRequested(percent), percent / 10_000) == ()
    due = limiter.next_at()
    assert due is not None and 0.0099 < due <= 0.11
    assert limiter.due(due - 0.001) == ()
    assert limiter.due(due) == (VolumeRequested(99),)
    assert limiter.next_at() is None
    assert limiter.due(due + 10.0) == ()


def test_a_value_that_finds_room_takes_the_place_of_one_that_waits() -> None:
    limiter = exhausted(VOLUME, VolumeRequested(0))
    assert limiter.admit(VOLUME, VolumeRequested(1), 0.0) == ()
    assert limiter.admit(VOLUME, VolumeRequested(2), 0.2) == (VolumeRequested(2),)
    assert limiter.next_at() is None


def test_a_stop_goes_through_at_once_whatever_the_flood() -> None:
    limiter = exhausted(TALK, START)
    for n in range(1_000):
        limiter.admit(TALK, START, n / 1_000)
    assert limiter.admit(TALK, STOP, 1.0) == (STOP,)
    assert limiter.next_at() is None, "the start that waited is not wanted any more"


def test_a_mute_goes_through_at_once_and_an_unmute_that_waited_is_forgotten() -> None:
    limiter = exhausted(MUTE, OFF)
    assert limiter.admit(MUTE, OFF, 0.01) == ()
    assert limiter.admit(MUTE, ON, 0.02) == (ON,)
    assert limiter.due(10.0) == ()


def test_after_a_mute_an_unmute_of_the_flood_is_the_newest_value() -> None:
    limiter = exhausted(MUTE, OFF)
    assert limiter.admit(MUTE, ON, 0.01) == (ON,)
    assert limiter.admit(MUTE, OFF, 0.02) == ()
    assert limiter.due(0.2) == (OFF,)


def test_a_flood_of_stops_costs_no_more_than_any_other_and_none_is_lost() -> None:
    limiter = Limiter()
    passed = [len(limiter.admit(TALK, STOP, n / 1_000)) for n in range(1_000)]
    due = limiter.next_at()
    assert sum(passed) <= PER_S + 1
    assert due is not None and due < 1.1
    assert limiter.due(due) == (STOP,)


def test_a_stop_that_waits_comes_before_the_start_that_came_after_it() -> None:
    limiter = Limiter()
    assert limiter.admit(TALK, STOP, 0.0) == (STOP,)
    assert limiter.admit(TALK, STOP, 0.01) == ()
    assert limiter.admit(TALK, START, 0.02) == (STOP, START)
    limiter = exhausted(TALK, START)
    assert limiter.admit(TALK, STOP, 0.0) == (STOP,)
    assert limiter.admit(TALK, STOP, 0.01) == ()
    assert limiter.admit(TALK, START, 0.02) == ()
    assert limiter.due(0.2) == (STOP, START)


def test_excess_requests_are_refused_together_once_a_second() -> None:
    limiter = exhausted(HEALTH, HealthRequested())
    assert limiter.admit(HEALTH, HealthRequested(1), 0.0) == ()
    assert limiter.refusals(0.0) == (Refusal(HEALTH, 1, 1),)
    for n in range(2, 42):
        assert limiter.admit(HEALTH, HealthRequested(n), 0.0) == ()
        assert limiter.refusals(0.0) == ()
    assert limiter.next_at() == TELL_S
    assert limiter.refusals(TELL_S) == (Refusal(HEALTH, 40, 41),)
    assert limiter.next_at() is None


def test_answers_to_nonsense_are_limited_by_themselves() -> None:
    limiter = Limiter()
    answered = sum(limiter.admit_answer(HEALTH, n, 0.0) for n in range(100))
    assert answered == BURST
    assert limiter.refusals(0.0) == (Refusal(HEALTH, 100 - BURST, 99),)
    assert limiter.admit(HEALTH, HealthRequested(), 0.0) == (HealthRequested(),)


def test_whatever_comes_the_last_wish_holds_in_the_end_and_nothing_is_fast() -> None:
    """Random orders at random times, worked on at the times that it asks for."""
    for seed in range(200):
        draw = random.Random(seed)
        limiter, now, done = Limiter(), 0.0, list[tuple[float, Command]]()
        sent: list[Command] = []
        for _ in range(draw.randrange(1, 300)):
            arrives = now + draw.choice((0.0, 0.001, 0.01, 0.3))
            while (due := limiter.next_at()) is not None and due <= arrives:
                now = max(now, due)
                done += [(now, command) for command in limiter.due(now)]
            now = arrives
            sent.append(draw.choice((ON, OFF)))
            done += [(now, command) for command in limiter.admit(MUTE, sent[-1], now)]
        while (due := limiter.next_at()) is not None:
            now = max(now, due)
            done += [(now, command) for command in limiter.due(now)]
        assert done[-1][1] == sent[-1]
        assert now - arrives <= 2 / PER_S
        orders = [command for _, command in done]
        switches = sum(before != after for before, after in pairwise([OFF, *orders]))
        assert switches <= 2 * (BURST + PER_S * now + 1)


def test_nothing_grows_with_what_comes() -> None:
    limiter = Limiter()
    for n in range(10_000):
        limiter.admit(VOLUME, VolumeRequested(n % 101), n / 1_000)
        limiter.admit(HEALTH, HealthRequested(n), n / 1_000)
    assert len(limiter.due(20.0)) <= 1
    assert len(limiter.refusals(20.0)) <= 1
    assert limiter.next_at() is None
