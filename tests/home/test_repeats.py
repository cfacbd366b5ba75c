from itertools import pairwise

import pytest

from moshi_speaker.home.repeats import JITTER_S, REFRESH_S, REST_S, Repeat, Repeats

LONG_AFTER = 1_000.0


def connected(at: float = 0.0, jitter_s: float = JITTER_S) -> Repeats:
    repeats = Repeats(lambda low, high: min(high, max(low, jitter_s)))
    repeats.connected(at)
    return repeats


def test_before_a_connection_nothing_is_due() -> None:
    assert Repeats().take(LONG_AFTER) is None
    assert Repeats().wait_s(LONG_AFTER) == float("inf")


@pytest.mark.parametrize("jitter_s", [0.0, 1.5, JITTER_S])
def test_after_a_birth_everything_is_sent_once_within_the_jitter(jitter_s: float) -> None:
    repeats = connected(jitter_s=jitter_s)
    repeats.born(100.0)
    repeats.born(100.5)  # it was started again before its turn
    assert repeats.wait_s(100.0) == jitter_s
    if jitter_s:
        assert repeats.take(100.0 + jitter_s - 0.01) is None
    assert repeats.take(100.0 + jitter_s) is Repeat.ALL
    assert repeats.take(100.0 + jitter_s) is None


def test_births_in_a_flood_do_not_make_a_flood() -> None:
    repeats = connected(jitter_s=0.0)
    sent = []
    for tenth in range(1, 201):
        now = 100.0 + tenth / 10
        repeats.born(now)
        if repeats.take(now) is Repeat.ALL:
            sent.append(now)
    assert len(sent) == 20 / REST_S
    assert min(late - early for early, late in pairwise(sent)) >= REST_S


def test_a_birth_right_after_our_own_connection_waits_until_that_has_settled() -> None:
    repeats = connected(at=100.0, jitter_s=0.0)
    repeats.born(100.1)
    assert repeats.take(100.1) is None
    assert repeats.wait_s(100.1) == pytest.approx(REST_S - 0.1)
    assert repeats.take(100.0 + REST_S) is Repeat.ALL


def test_a_new_connection_makes_a_birth_before_it_moot() -> None:
    repeats = connected()
    repeats.born(100.0)
    repeats.connected(101.0)
    assert repeats.take(101.0 + JITTER_S) is None


def test_online_is_said_again_now_and_then() -> None:
    repeats = connected(at=100.0)
    assert repeats.wait_s(100.0) == REFRESH_S
    assert repeats.take(100.0 + REFRESH_S) is Repeat.AVAILABILITY
    assert repeats.take(100.0 + REFRESH_S) is None
    assert repeats.wait_s(100.0 + REFRESH_S) == REFRESH_S


def test_offline_in_our_name_is_denied_at_once_but_not_in_a_hot_loop() -> None:
    repeats = connected(at=100.0)
    repeats.denied(200.0)
    assert repeats.take(200.0) is Repeat.ALL
    repeats.denied(200.1)
    repeats.denied(200.2)
    assert repeats.take(200.2) is None
    assert repeats.take(200.0 + REST_S) is Repeat.ALL


def test_what_sends_everything_says_online_too() -> None:
    repeats = connected(at=0.0, jitter_s=0.0)
    repeats.born(REFRESH_S - 1)
    assert repeats.take(REFRESH_S - 1) is Repeat.ALL
    assert repeats.take(REFRESH_S) is None
