"""A talk is stopped without the model having a say: silence at once, and for a while."""

import numpy as np
import pytest

from moshi_speaker import events as ev
from moshi_speaker.audio.frames import BLOCK_SAMPLES, FRAME_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.mixer import FADE_SAMPLES
from moshi_speaker.conversation.limits import SAME_WORD_S
from moshi_speaker.conversation.talk import STOP_SILENCE_S
from moshi_speaker.settings import Settings
from tests.speaker.stage import Stage, on_stage
from tests.speaker.test_talk import MakeSettings
from tests.speaker.witness import Witness

BLOCK_S = BLOCK_SAMPLES / SAMPLE_RATE


async def until_moshi_speaks(stage: Stage) -> None:
    """Two seconds of its voice wait to be played, the first of it sounds."""
    await stage.until_session(1)
    stage.device.pull(1.0)  # the wake earcon
    for _ in range(25):
        stage.engine.answer(" la", np.full(FRAME_SAMPLES, 0.5, np.float32))
    await stage.news.until(lambda: stage.engine.taken == 25)
    assert np.abs(stage.device.pull(0.2)).max() > 0.1


def assert_silence_then_the_end(played: Samples) -> None:
    """From the very next block on nothing is heard but a fade, and a while later the sound of the end."""
    assert not played[FADE_SAMPLES : round(STOP_SILENCE_S * SAMPLE_RATE)].any()
    end = played[round(STOP_SILENCE_S * SAMPLE_RATE) :]
    assert 0.01 < np.abs(end).max() < 0.3


async def test_a_command_silences_the_loudspeaker_and_the_engine(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await until_moshi_speaks(stage)
        await witness.send("conversation/set", "stop")
        await stage.news.until(lambda: stage.engine.ended == 1)
        assert_silence_then_the_end(stage.device.pull(1.0))
        stage.engine.answer(" late", np.full(FRAME_SAMPLES, 0.5, np.float32), session=1)
        await stage.news.until(lambda: stage.engine.taken == 26)
        assert not stage.device.pull(1.0).any()
        ended = await witness.json("event/conversation", event_type="ended")
        assert ended["reason"] == "stop"


async def test_the_wake_word_silences_the_loudspeaker(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await stage.hear(20, wake_word=True)
        await until_moshi_speaks(stage)
        await stage.hear(round(SAME_WORD_S / 0.08), wake_word=False)
        await stage.hear(20, wake_word=True)
        await stage.news.until(lambda: stage.engine.ended == 1)
        assert_silence_then_the_end(stage.device.pull(1.0))
        ended = await witness.json("event/conversation", event_type="ended")
        assert (ended["reason"], ended["trigger"]) == ("stop", "wake_word")
        assert await witness.until("state", "idle")


async def test_the_wake_word_may_be_told_to_stop_nothing(make_settings: MakeSettings) -> None:
    settings = make_settings(conversation={"wake_word_stops": False}, mqtt={"enabled": False})
    async with on_stage(settings) as stage:
        await stage.until_idle()
        await stage.hear(20, wake_word=True)
        await stage.until_session(1)
        await stage.hear(40, wake_word=True)
        await stage.hear(20, wake_word=True)
        assert stage.engine.ended == 0


@pytest.mark.parametrize("command", [ev.StopRequested(), ev.MuteRequested(True)])
async def test_a_stop_of_whatever_kind_plays_no_more_of_moshi(settings: Settings, command: ev.Event) -> None:
    async with on_stage(settings) as stage:
        await stage.until_idle()
        stage.speaker.emit(ev.StartRequested())
        await until_moshi_speaks(stage)
        stage.speaker.emit(command)
        block = stage.device.pull(BLOCK_S)
        assert np.abs(block[FADE_SAMPLES:]).max() < 0.1
