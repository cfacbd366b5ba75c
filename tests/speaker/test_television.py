"""Who keeps a talk open: real speech at several levels, judged frame by frame, and told to the machine."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker import events as ev
from moshi_speaker.audio.activity import FLOOR_DBFS, SileroActivity, Transition, level_dbfs
from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Samples
from moshi_speaker.audio.resample import Downsampler
from moshi_speaker.audio.speech import SpeechBounds, UserSpeech
from moshi_speaker.audio.wavfile import read_audio
from moshi_speaker.events import EndReason
from tests.conversation.test_scenarios import LIMITS, Story, end_reasons, idle_story, wake

CLIPS = Path(__file__).parents[1] / "data" / "clips"
TELEVISION = read_audio(CLIPS / "not_wake.wav")
WORD_DBFS = -22.0
"""How loud the wake word was."""
BOUNDS = SpeechBounds(threshold=0.5, margin_db=6.0, below_db=20.0)
SLACK_S = 1.5
"""Seconds by which the end of a clip and that of the speech in it may differ."""


def voice(seconds: float, dbfs: float) -> Samples:
    """Somebody talks on at this level."""
    sound = np.resize(TELEVISION, round(seconds * SAMPLE_RATE))
    return np.asarray(sound * 10 ** ((dbfs - level_dbfs(sound)) / 20), np.float32)


def quiet(seconds: float) -> Samples:
    """Nobody says anything."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def talk(scene: Sequence[Samples], *, words_at: Sequence[float] = ()) -> tuple[EndReason, float]:
    """Why a talk ends in which this is heard after the wake word, and when; Moshi says a word at times."""
    story, speech, activity, down = idle_story(), UserSpeech(BOUNDS), SileroActivity(), Downsampler()
    sound = np.concatenate(scene)
    rng = np.random.default_rng(1)
    story.tell(wake(story.now))
    speech.begin(WORD_DBFS)
    began, words = story.now, list(words_at)
    for number in range(len(sound) // FRAME_SAMPLES):
        noise = rng.standard_normal(FRAME_SAMPLES).astype(np.float32) * np.float32(0.0005)
        frame = sound[number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES] + noise
        if reasons := end_reasons(story.wait(FRAME_SECONDS)):
            return reasons[0], story.snapshot.entered_at - began
        if words and story.now - began >= words[0]:
            story.tell(ev.MoshiSpoke(1, " well", False))
            words.pop(0)
        tell(story, speech.feed(activity.feed(down.feed(frame)), level_dbfs(frame), FLOOR_DBFS, story.now))
    raise AssertionError("the talk is still open")


def tell(story: Story, transition: Transition | None) -> None:
    """What the gate noticed."""
    if transition is not None:
        story.tell(ev.UserSpeechStarted() if transition is Transition.STARTED else ev.UserSpeechEnded())


def test_a_television_far_away_is_as_good_as_silence() -> None:
    reason, after_s = talk([voice(60.0, WORD_DBFS - 30.0)])
    assert (reason, after_s) == (EndReason.NO_SPEECH, LIMITS.no_speech_s)


def test_after_the_user_a_television_far_away_keeps_nothing_open() -> None:
    reason, after_s = talk([voice(5.0, WORD_DBFS), voice(60.0, WORD_DBFS - 30.0)])
    assert reason is EndReason.SILENCE
    assert after_s == pytest.approx(5.0 + LIMITS.end_silence_s, abs=SLACK_S)


def test_a_television_nearby_keeps_a_talk_open_for_a_while_only() -> None:
    reason, after_s = talk([voice(59.0, WORD_DBFS)])
    assert reason is EndReason.SILENCE
    assert after_s == pytest.approx(LIMITS.background_speech_s + LIMITS.end_silence_s, abs=SLACK_S)


def test_a_user_who_speaks_softer_than_he_called_is_heard() -> None:
    reason, after_s = talk([quiet(3.0), voice(10.0, WORD_DBFS - 10.0), quiet(20.0)])
    assert reason is EndReason.SILENCE
    assert after_s == pytest.approx(13.0 + LIMITS.end_silence_s, abs=SLACK_S)


def test_a_user_who_gets_answers_may_talk_for_long() -> None:
    turns = [voice(7.0, WORD_DBFS), quiet(1.0)] * 6
    reason, after_s = talk([*turns, quiet(20.0)], words_at=[7.5 + 8.0 * turn for turn in range(6)])
    assert reason is EndReason.SILENCE
    assert after_s == pytest.approx(48.0 + LIMITS.end_silence_s, abs=SLACK_S)
