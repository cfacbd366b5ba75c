"""The settings arrive where they belong."""

import pytest

from moshi_speaker.conversation.limits import Limits
from moshi_speaker.settings import AudioSettings, ConversationSettings, EngineSettings, Settings


def test_every_limit_comes_from_its_setting() -> None:
    settings = Settings(
        conversation=ConversationSettings(
            preroll_s=1.0,
            wake_word_stops=False,
            end_silence_s=2.0,
            no_speech_s=1.5,
            max_conversation_s=3.0,
            moshi_wordless_s=3.5,
            goodbye_phrases=("so long",),
            goodbye_pause_s=0.5,
            background_speech_s=3.7,
        ),
        engine=EngineSettings(start_timeout_s=4.0, restart_delay_s=5.0, restart_delay_max_s=6.0),
        audio=AudioSettings(reopen_delay_s=7.0, reopen_delay_max_s=8.0),
    )
    assert Limits.from_settings(settings) == Limits(
        1.0, False, 2.0, 1.5, 3.0, 3.5, ("so long",), 0.5, 3.7, 4.0, 5.0, 6.0, 7.0, 8.0
    )


@pytest.mark.parametrize(
    ("losses", "seconds"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (10_000, 60.0)]
)
def test_the_restart_delay_doubles_up_to_its_maximum(losses: int, seconds: float) -> None:
    assert Limits.from_settings(Settings()).restart_delay(losses) == seconds


@pytest.mark.parametrize(("losses", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 3.0), (10_000, 3.0)])
def test_the_pause_before_a_device_is_opened_again_doubles_up_to_its_maximum(
    losses: int, seconds: float
) -> None:
    assert Limits.from_settings(Settings()).reopen_delay(losses) == seconds
