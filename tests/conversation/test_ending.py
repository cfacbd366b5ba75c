"""When a talk is over."""

import pytest

from moshi_speaker.conversation.ending import (
    BREAK_S,
    End,
    Floor,
    end_of_talk,
    moshi_speaks,
    moshi_words,
    user_speaks,
)
from moshi_speaker.conversation.limits import Limits
from moshi_speaker.events import EndReason
from moshi_speaker.settings import ConversationSettings, Settings

TALK = ConversationSettings(
    end_silence_s=8.0,
    no_speech_s=5.0,
    max_conversation_s=60.0,
    moshi_wordless_s=6.0,
    goodbye_pause_s=1.0,
    background_speech_s=20.0,
)


def end(
    floor: Floor,
    *,
    answered: bool = True,
    goodbye: bool = False,
    started_at: float = 100.0,
    talk: ConversationSettings = TALK,
) -> End:
    limits = Limits.from_settings(Settings(conversation=talk))
    return end_of_talk(floor, started_at, answered=answered, goodbye=goodbye, limits=limits)


def test_silence_counts_from_the_moment_when_both_are_quiet() -> None:
    floor = moshi_speaks(user_speaks(Floor(), True, 101.0), True, 102.0)
    floor = moshi_words(user_speaks(floor, False, 103.0), 109.0)
    floor = moshi_speaks(floor, False, 110.0)
    assert end(floor) == End(118.0, EndReason.SILENCE)


def test_who_falls_silent_twice_does_not_prolong_the_talk() -> None:
    floor = moshi_speaks(Floor(moshi=True, moshi_began=109.0), False, 110.0)
    assert end(moshi_speaks(floor, False, 115.0)).at == 118.0
    floor = user_speaks(Floor(user=True, user_began=109.0), False, 110.0)
    assert end(user_speaks(floor, False, 115.0)).at == 118.0


def test_silence_from_before_the_talk_does_not_count() -> None:
    assert end(Floor(user_ended=20.0)).at == 108.0


def test_silence_of_a_user_who_never_spoke_has_its_own_reason_and_length() -> None:
    assert end(Floor(), answered=False) == End(105.0, EndReason.NO_SPEECH)
    hasty = TALK.model_copy(update={"end_silence_s": 2.0})
    assert end(Floor(), answered=False, talk=hasty) == End(102.0, EndReason.NO_SPEECH)


@pytest.mark.parametrize("answered", [True, False])
def test_a_farewell_needs_less_silence(answered: bool) -> None:
    floor = moshi_speaks(Floor(moshi=True, moshi_began=109.0), False, 110.0)
    assert end(floor, answered=answered, goodbye=True) == End(111.0, EndReason.GOODBYE)


def test_the_cap_comes_before_a_later_silence() -> None:
    assert end(Floor(user_began=150.0, user_ended=155.0)) == End(160.0, EndReason.CAP)


def test_words_without_sound_are_speech() -> None:
    assert end(moshi_words(Floor(), 110.0)).at == 118.0


def test_sound_without_words_is_speech_for_a_while() -> None:
    floor = moshi_speaks(moshi_words(Floor(), 110.0), True, 111.0)
    assert end(floor).at == 111.0 + 6.0 + 8.0
    assert end(moshi_words(floor, 115.0)).at == 115.0 + 6.0 + 8.0
    assert end(moshi_speaks(floor, False, 130.0)).at == 111.0 + 6.0 + 8.0, "it was no speech any more"
    assert end(moshi_speaks(floor, False, 112.0)).at == 112.0 + 8.0


def test_speech_that_never_pauses_is_the_users_for_a_while() -> None:
    floor = user_speaks(Floor(), True, 101.0)
    assert end(floor).at == 101.0 + 20.0 + 8.0
    assert end(user_speaks(floor, False, 119.0)).at == 119.0 + 8.0
    assert end(user_speaks(floor, False, 140.0)).at == 101.0 + 20.0 + 8.0
    assert end(user_speaks(Floor(), True, 20.0)).at == 100.0 + 20.0 + 8.0, "what was before does not count"


def test_a_short_pause_is_none_and_a_long_one_makes_a_new_speech() -> None:
    pausing = user_speaks(user_speaks(Floor(), True, 101.0), False, 110.0)
    assert user_speaks(pausing, True, 110.0 + BREAK_S - 0.1).user_began == 101.0
    assert user_speaks(pausing, True, 110.0 + BREAK_S).user_began == 110.0 + BREAK_S


def test_a_word_of_moshis_makes_what_follows_a_new_speech() -> None:
    pausing = user_speaks(user_speaks(Floor(), True, 101.0), False, 110.0)
    assert user_speaks(moshi_words(pausing, 110.5), True, 111.0).user_began == 111.0


def test_a_quiet_start_of_the_clock_is_a_time_like_any_other() -> None:
    assert end(Floor(), started_at=0.0).at == 8.0
    assert end(Floor(), started_at=-5.0).at == 3.0
