"""When the ears judge whether somebody speaks, and what they say of it before a talk begins."""

import asyncio
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest

from moshi_speaker.audio.attention import MEMORY_PIECES
from moshi_speaker.audio.echo import Cleaned
from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, Samples
from moshi_speaker.audio.speech import SpeechBounds, UserSpeech
from moshi_speaker.events import Event, StopRequested, UserSpeechEnded, UserSpeechStarted, WakeDetected
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


class BadEcho:
    """Cancels nothing, and knows it, while something plays."""

    def __init__(self) -> None:
        self.plays = False

    def clean(self, near: Samples, at: float) -> Cleaned:
        return Cleaned(near, playing=self.plays, guarded=self.plays)


class Listening:
    """Ears under test."""

    def __init__(self) -> None:
        self.echo = BadEcho()
        self.scored = 0
        self.news = News()
        self.wake = FakeWake(self.news)
        self.wake.word_in = {WORD}
        self.stop_word = FakeWake(self.news)
        self.activity = Activity()
        self.events: list[Event] = []
        self.fed = 0
        self.talks = True
        self._pushed = 0
        policy = WakePolicy(0.5, patience=1, refractory_s=0.0, guarded_threshold=0.95)
        self.ears = Ears(
            Detector(self.wake, policy, gate_chunks=0),
            self.activity,
            self.echo,
            UserSpeech(SpeechBounds(threshold=0.5, margin_db=6.0, below_db=20.0)),
            stop_detector=Detector(self.stop_word, policy, gate_chunks=0),
            emit=self._happened,
            feed=self._feed,
            failed=self._failed,
            scored=self._scored,
        )
        self.ears.start()

    async def hear(self, frames: int, *, speech: bool, level: float = 0.0) -> None:
        self._push(frames, 10 ** (level / 20) if speech else 0.0001)
        end = self._pushed * FRAME_SECONDS
        while (self.ears.last_frame_at or 0.0) < end - 1e-6:
            await asyncio.to_thread(self.ears._front_end.wait_idle, 10.0)
        await asyncio.sleep(0)  # what the front end's thread has handed over is dealt with

    def hold_news(self, frames: int) -> None:
        """Hear frames, and let the loop know nothing of what was in them yet."""
        self._push(frames, 0.0001)
        assert self.ears._front_end.wait_idle(10.0)

    def _push(self, frames: int, amplitude: float) -> None:
        for _ in range(frames):
            self.ears.capture(np.full(FRAME_SAMPLES, amplitude, np.float32), self._pushed * FRAME_SECONDS)
            self._pushed += 1

    def _happened(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, WakeDetected) and self.talks:
            self.ears.open(event.at - 0.4)

    def _feed(self, frame: Samples) -> None:
        self.fed += 1

    def _scored(self) -> None:
        self.scored += 1

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


async def test_after_a_wake_word_that_a_mute_overtook_speech_is_not_looked_for(
    listening: Listening,
) -> None:
    listening.hold_news(WORD + 1)
    listening.ears.set_hearing(False)
    await asyncio.sleep(0)  # the word's news comes now
    assert listening.events == []
    listening.ears.set_hearing(True)
    judged = listening.activity.judged
    await listening.hear(3, speech=True)
    assert listening.activity.judged == judged


async def test_after_a_talk_whoever_still_spoke_is_said_to_be_silent(listening: Listening) -> None:
    await listening.hear(WORD + 1, speech=True)
    await listening.hear(2, speech=True)
    listening.ears.close()
    judged = listening.activity.judged
    await listening.hear(10, speech=True)
    assert listening.activity.judged == judged
    assert kinds(listening) == [UserSpeechStarted, WakeDetected, UserSpeechEnded]


async def test_the_stop_phrase_is_listened_for_in_talks_only(listening: Listening) -> None:
    listening.stop_word.word_in = {0, 3}
    await listening.hear(WORD, speech=False)
    assert listening.stop_word.chunks == 0
    await listening.hear(1, speech=False)  # the talk begins after it
    await listening.hear(3, speech=False)
    assert StopRequested() in listening.events
    listening.ears.close()
    heard = listening.stop_word.chunks
    await listening.hear(5, speech=False)
    assert listening.stop_word.chunks == heard
    assert listening.stop_word.resets == 1


@pytest.mark.parametrize(("score", "stops"), [(0.93, False), (0.96, True)])
async def test_our_own_voice_needs_to_be_clearer_to_be_the_stop_phrase(
    listening: Listening, score: float, stops: bool
) -> None:
    listening.stop_word.word_in, listening.stop_word.score = {3}, score
    await listening.hear(WORD + 1, speech=False)
    listening.echo.plays = True
    await listening.hear(6, speech=False)
    assert (StopRequested() in listening.events) is stops


async def test_a_wake_model_that_gives_no_numbers_gives_no_sign_of_life(listening: Listening) -> None:
    await listening.hear(3, speech=False)
    assert listening.scored == 3
    listening.wake.word_in, listening.wake.score = set(range(3, 8)), float("nan")
    await listening.hear(5, speech=False)
    assert listening.scored == 3


async def test_speech_far_softer_than_the_wake_word_is_not_the_users(listening: Listening) -> None:
    await listening.hear(3, speech=True)
    await listening.hear(WORD + 8, speech=False)
    assert kinds(listening) == [WakeDetected]
    listening.events.clear()
    await listening.hear(20, speech=True, level=-21)
    assert listening.events == []
    await listening.hear(5, speech=True, level=-10)
    assert kinds(listening) == [UserSpeechStarted]


async def test_while_deaf_not_one_sample_reaches_any_part(listening: Listening) -> None:
    await listening.hear(WORD + 1, speech=True)
    fed, judged, chunks = listening.fed, listening.activity.judged, listening.wake.chunks
    assert fed and judged and chunks
    listening.ears.set_hearing(False)
    listening.events.clear()
    for number in range(50):
        sound = np.full(FRAME_SAMPLES, 0.1, np.float32)
        listening.ears.capture(sound, (WORD + 1 + number) * FRAME_SECONDS)
    assert await asyncio.to_thread(listening.ears._front_end.wait_idle, 10.0)
    await asyncio.sleep(0)
    assert (listening.fed, listening.activity.judged, listening.wake.chunks) == (fed, judged, chunks)
    assert listening.events == []


async def test_what_waits_when_it_goes_deaf_is_never_heard(listening: Listening) -> None:
    busy, go_on = threading.Event(), threading.Event()

    def stuck(chunk: object) -> list[float]:
        busy.set()
        assert go_on.wait(10.0)
        return [0.0]

    listening.wake.scores = stuck  # type: ignore[method-assign]
    listening.ears.open(0.0)
    for number in range(0, 20, 2):  # a block of two frames: the second waits while the first is under way
        sound = np.full(2 * FRAME_SAMPLES, 0.1, np.float32)
        listening.ears.capture(sound, number * FRAME_SECONDS)
    assert await asyncio.to_thread(busy.wait, 10.0)
    listening.ears.set_hearing(False)
    go_on.set()
    assert await asyncio.to_thread(listening.ears._front_end.wait_idle, 10.0)
    await asyncio.sleep(0)
    assert listening.fed == 0, "not even the frame that was under way"
    assert (listening.ears.last_frame_at or 0.0) < 2 * FRAME_SECONDS
    listening.ears.set_hearing(True)
    listening.ears.open(0.0)
    assert listening.fed == 0, "nor is it remembered"
