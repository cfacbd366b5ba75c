"""When a talk is over."""

import pytest

from moshi_speaker.conversation.ending import End, Floor, end_of_talk, moshi_speaks, user_speaks
from moshi_speaker.events import EndReason


def end(floor: Floor, *, spoken: bool = True, started_at: float = 100.0) -> End:
    return end_of_talk(floor, started_at, spoken, end_silence_s=8.0, max_conversation_s=60.0)


def test_silence_counts_from_the_moment_when_both_are_quiet() -> None:
    floor = moshi_speaks(user_speaks(Floor(0.0), True, 101.0), True, 102.0)
    floor = user_speaks(floor, False, 103.0)
    assert end(floor) == End(160.0, EndReason.CAP)
    floor = moshi_speaks(floor, False, 110.0)
    assert end(floor) == End(118.0, EndReason.SILENCE)


def test_who_falls_silent_twice_does_not_prolong_the_talk() -> None:
    floor = moshi_speaks(moshi_speaks(Floor(None, moshi=True), False, 110.0), False, 115.0)
    assert end(floor).at == 118.0


def test_silence_from_before_the_talk_does_not_count() -> None:
    assert end(Floor(quiet_since=20.0)).at == 108.0


def test_silence_in_which_nobody_ever_spoke_has_its_own_reason() -> None:
    assert end(Floor(20.0), spoken=False) == End(108.0, EndReason.NO_SPEECH)


@pytest.mark.parametrize("floor", [Floor(None, user=True), Floor(None, moshi=True)])
def test_while_somebody_speaks_only_the_cap_ends_the_talk(floor: Floor) -> None:
    assert end(floor) == End(160.0, EndReason.CAP)


def test_the_cap_comes_before_a_later_silence() -> None:
    assert end(Floor(quiet_since=155.0)) == End(160.0, EndReason.CAP)


def test_a_quiet_start_of_the_clock_is_a_time_like_any_other() -> None:
    assert end(Floor(quiet_since=0.0), started_at=0.0).at == 8.0
    assert end(Floor(quiet_since=0.0), started_at=-5.0).at == 8.0
