"""When the ears judge whether somebody speaks, and what they say of it before a talk begins."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from moshi_speaker.audio.activity import SpeechGate
from moshi_speaker.audio.attention import MEMORY_PIECES
from moshi_speaker.audio.echo import NoEchoCanceller
from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, Samples
from moshi_speaker.events import Event, UserSpeechEnded, UserSpeechStarted, WakeDetected
from moshi_speaker.speaker.ears import Ears
from moshi_speaker.wake.detector import Detector
from moshi_speaker.wake.policy import WakePolicy
from tests.speaker.fakes import FakeWake, News

WORD = 9
"""Number of the frame that completes the wake word."""


class Activity:
    """Finds speech where the sound is not zero."""

    def __init__(self) -> None:
        self.judged = 0

    def feed(self, samples: Samples) -> float:
        self.judged += 1
        return float(np.abs(samples).max() > 0.01)

    def reset(self) -> None:
        pass


class Listening:
    """Ears under test."""

    def __init__(self) -> None:
        self.news = News()
        self.wake = FakeWake(self.news)
        self.wake.word_in = {WORD}
        self.activity = Activity()
        self.events: list[Event] = []
        self.fed = 0
        self.talks = True
        self._pushed = 0
        policy = WakePolicy(0.5, patience=1, refractory_s=0.0)
        self.ears = Ears(
            Detector(self.wake, policy, gate_chunks=0),
            self.activity,
            NoEchoCanceller(),
            SpeechGate(0.5),
            preroll_s=0.4,
            emit=self._happened,
            feed=self._feed,
            failed=self._failed,
        )
        self.ears.start()

    async def hear(self, frames: int, *, speech: bool) -> None:
        for _ in range(frames):
            sound = np.full(FRAME_SAMPLES, 0.1 if speech else 0.0, np.float32)
            self.ears.capture(sound, self._pushed * FRAME_SECONDS)
            self._pushed += 1
        end = self._pushed * FRAME_SECONDS
        while (self.ears.last_frame_at or 0.0) < end - 1e-6:
            await asyncio.to_thread(self.ears._front_end.wait_idle, 10.0)
        await asyncio.sleep(0)  # what the front end's thread has handed over is dealt with

    def _happened(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, WakeDetected) and self.talks:
            self.ears.open(event.at - 0.4)

    def _feed(self, frame: Samples) -> None:
        self.fed += 1

    def _failed(self, error: BaseException) -> None:
        raise error


@pytest.fixture
async def listening() -> AsyncIterator[Listening]:
    listening = Listening()
    yield listening
    listening.ears.stop()


def kinds(listening: Listening) -> list[type]:
    return [type(event) for event in listening.events]


async def test_while_nobody_talks_speech_is_not_looked_for(listening: Listening) -> None:
    await listening.hear(WORD, speech=True)
    assert listening.activity.judged == 0
    assert listening.events == []


async def test_speech_of_before_the_wake_word_is_told_before_it(listening: Listening) -> None:
    await listening.hear(WORD + 1, speech=True)
    assert kinds(listening) == [UserSpeechStarted, WakeDetected]
    assert listening.activity.judged == MEMORY_PIECES
    await listening.hear(1, speech=True)
    assert listening.activity.judged == MEMORY_PIECES + 1
    assert listening.fed > 1


async def test_speech_after_the_wake_word_is_told_after_it(listening: Listening) -> None:
    await listening.hear(WORD + 1, speech=False)
    await listening.hear(3, speech=True)
    await listening.hear(10, speech=False)
    assert kinds(listening) == [WakeDetected, UserSpeechStarted, UserSpeechEnded]


async def test_a_wake_word_that_begins_no_talk_changes_nothing(listening: Listening) -> None:
    listening.talks = False
    await listening.hear(WORD + 1, speech=False)
    judged = listening.activity.judged
    await listening.hear(5, speech=True)
    assert listening.activity.judged == judged
    assert listening.fed == 0


async def test_after_a_talk_whoever_still_spoke_is_said_to_be_silent(listening: Listening) -> None:
    await listening.hear(WORD + 1, speech=True)
    await listening.hear(2, speech=True)
    listening.ears.close()
    judged = listening.activity.judged
    await listening.hear(10, speech=True)
    assert listening.activity.judged == judged
    assert kinds(listening) == [UserSpeechStarted, WakeDetected, UserSpeechEnded]
