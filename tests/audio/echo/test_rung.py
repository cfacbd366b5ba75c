from dataclasses import replace

import pytest

from moshi_speaker.audio.echo import EchoState, Rung
from moshi_speaker.audio.echo.rung import FIRST, GUARDED_DB, OPEN_DB, Ladder, step

OPEN, GUARDED, HALF_DUPLEX = Rung.OPEN, Rung.GUARDED, Rung.HALF_DUPLEX


def state(
    reduction_db: float | None, *, located: bool = True, audible_s: float = 10.0, played_s: float = 10.0
) -> EchoState:
    return EchoState(
        located=located,
        reduction_db=reduction_db,
        delay_ms=100.0,
        residual_dbfs=-60.0,
        drift_ppm=0.0,
        audible_s=audible_s,
        played_s=played_s,
    )


NOT_FOUND = {"located": False}


def after(rung: Rung, *states: EchoState, seconds: float = 0.5) -> Rung:
    """The rung after each state held for a while."""
    ladder, now = Ladder(rung, rung), 100.0
    for each in states:
        for _ in range(round(seconds / 0.08) + 1):
            ladder = step(ladder, each, now)
            now += 0.08
    return ladder.rung


def test_at_first_talk_is_guarded() -> None:
    assert FIRST.rung is GUARDED


@pytest.mark.parametrize(
    ("rung", "reduction_db", "expected"),
    [
        (OPEN, OPEN_DB + 0.1, OPEN),
        (OPEN, OPEN_DB - 0.1, GUARDED),
        (OPEN, GUARDED_DB - 0.1, HALF_DUPLEX),
        (GUARDED, OPEN_DB + 2.1, OPEN),
        (GUARDED, OPEN_DB + 1.9, GUARDED),
        (GUARDED, GUARDED_DB + 0.1, GUARDED),
        (GUARDED, GUARDED_DB - 0.1, HALF_DUPLEX),
        (HALF_DUPLEX, GUARDED_DB + 1.9, HALF_DUPLEX),
        (HALF_DUPLEX, GUARDED_DB + 2.1, GUARDED),
        (HALF_DUPLEX, OPEN_DB + 1.9, GUARDED),
        (HALF_DUPLEX, OPEN_DB + 2.1, OPEN),
    ],
)
def test_each_reduction_has_its_rung_and_more_is_asked_to_go_up(
    rung: Rung, reduction_db: float, expected: Rung
) -> None:
    assert after(rung, state(reduction_db)) is expected


def test_a_reduction_that_wavers_changes_nothing() -> None:
    wavering = [state(OPEN_DB + 1.5), state(OPEN_DB + 0.5)] * 5
    assert after(OPEN, *wavering) is OPEN
    assert after(GUARDED, *wavering) is GUARDED


@pytest.mark.parametrize("rung", list(Rung))
def test_until_the_echo_is_found_nothing_changes(rung: Rung) -> None:
    assert after(rung, state(None, located=False, audible_s=2.9, played_s=2.9)) is rung


@pytest.mark.parametrize("rung", list(Rung))
def test_an_echo_that_is_not_found_for_long_is_none(rung: Rung) -> None:
    assert after(rung, state(None, located=False, played_s=3.0)) is OPEN


def test_without_evidence_it_does_not_go_all_the_way_down() -> None:
    assert after(OPEN, state(0.0, audible_s=1.4)) is GUARDED
    assert after(OPEN, state(0.0, audible_s=1.5)) is HALF_DUPLEX


def test_a_rung_is_taken_only_after_it_was_right_for_a_while() -> None:
    ladder = step(Ladder(OPEN, OPEN), state(0.0), 100.0)
    assert ladder == Ladder(OPEN, HALF_DUPLEX, since=100.0)
    assert step(ladder, state(0.0), 100.39).rung is OPEN
    assert step(ladder, state(0.0), 100.4) == Ladder(HALF_DUPLEX, HALF_DUPLEX)


def test_the_wait_begins_anew_when_another_rung_is_right() -> None:
    ladder = step(Ladder(OPEN, OPEN), state(0.0), 100.0)
    ladder = step(ladder, state(10.0), 100.3)
    assert ladder == Ladder(OPEN, GUARDED, since=100.3)
    assert step(ladder, state(10.0), 100.5).rung is OPEN
    assert step(ladder, state(10.0), 100.7).rung is GUARDED


def test_the_wait_is_off_when_the_present_rung_is_right_again() -> None:
    ladder = step(Ladder(OPEN, OPEN), state(0.0), 100.0)
    ladder = step(ladder, state(30.0), 100.3)
    assert step(ladder, state(0.0), 100.5).rung is OPEN


@pytest.mark.parametrize(
    ("before", "now", "ducked"),
    [
        (Ladder(GUARDED, GUARDED), state(9.0, audible_s=1.4), False),
        (Ladder(GUARDED, GUARDED), state(9.0, audible_s=1.5), True),
        (Ladder(GUARDED, GUARDED), state(OPEN_DB + 3.0), False),
        (Ladder(GUARDED, GUARDED, ducked=True), state(9.0, audible_s=0.1), True),
        (Ladder(GUARDED, GUARDED, ducked=True), state(None, located=False, played_s=1.0), False),
        (Ladder(OPEN, GUARDED), state(9.0, audible_s=0.1), True),
        (Ladder(GUARDED, OPEN, ducked=True), state(OPEN_DB + 3.0), False),
        (Ladder(GUARDED, HALF_DUPLEX, ducked=True), state(0.0), False),
    ],
)
def test_moshi_is_softer_where_there_is_an_echo_that_is_badly_cancelled(
    before: Ladder, now: EchoState, ducked: bool
) -> None:
    assert step(before, now, 100.0).ducked is ducked


def test_an_echo_that_is_heard_and_not_found_is_no_missing_echo() -> None:
    unfound = replace(state(None, **NOT_FOUND), unfound=True)
    assert after(GUARDED, unfound) is HALF_DUPLEX
    assert after(OPEN, unfound) is HALF_DUPLEX
    assert after(HALF_DUPLEX, state(None, **NOT_FOUND)) is OPEN
