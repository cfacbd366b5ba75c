"""What lies between the wake word and the talk: no further frame of the microphone, and no further block."""

from moshi_speaker.audio.frames import BLOCK_SAMPLES, FRAME_SECONDS, SAMPLE_RATE
from moshi_speaker.settings import Settings
from tests.speaker.stage import Stage, numbers, on_stage

WORD = 40
"""Number of the frame that completes the wake word."""


async def until_woken(stage: Stage) -> None:
    """The wake word is complete with the last frame that the microphone has heard."""
    await stage.until_idle()
    stage.wake.word_in.add(WORD)
    await stage.hear(WORD + 1)
    await stage.news.until(lambda: stage.engine.begun)


async def test_moshi_has_the_pre_roll_and_the_frame_of_the_wake_word_at_once(settings: Settings) -> None:
    async with on_stage(settings) as stage:
        await until_woken(stage)
        await stage.news.until(lambda: WORD in numbers(stage.engine))
        heard = numbers(stage.engine)
        preroll = round(settings.conversation.preroll_s / FRAME_SECONDS)
        assert heard == list(range(heard[0], WORD + 1))
        assert preroll <= len(heard) <= preroll + 1
        assert stage.wake.chunks == WORD + 1


async def test_the_first_block_after_the_wake_word_sounds(settings: Settings) -> None:
    async with on_stage(settings) as stage:
        await until_woken(stage)
        assert stage.device.pull(BLOCK_SAMPLES / SAMPLE_RATE).any()
        assert stage.wake.chunks == WORD + 1
