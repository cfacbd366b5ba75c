"""The settings arrive where they belong."""

import pytest

from moshi_speaker.conversation.limits import Limits
from moshi_speaker.settings import AudioSettings, ConversationSettings, EngineSettings, Settings


def test_every_limit_comes_from_its_setting() -> None:
    settings = Settings(
        conversation=ConversationSettings(preroll_s=1.0, end_silence_s=2.0, max_conversation_s=3.0),
        engine=EngineSettings(start_timeout_s=4.0, restart_delay_s=5.0, restart_delay_max_s=6.0),
        audio=AudioSettings(reopen_delay_s=7.0),
    )
    assert Limits.from_settings(settings) == Limits(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)


@pytest.mark.parametrize(
    ("losses", "seconds"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (10_000, 60.0)]
)
def test_the_restart_delay_doubles_up_to_its_maximum(losses: int, seconds: float) -> None:
    assert Limits.from_settings(Settings()).restart_delay(losses) == seconds
