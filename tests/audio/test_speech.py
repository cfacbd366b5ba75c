"""Whose speech counts: noise floors, far voices, echo, breath; with made-up levels, and with real sound."""

from math import ceil
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker.audio.activity import FLOOR_DBFS, SileroActivity, Transition, level_dbfs
from moshi_speaker.audio.earcons import earcon
from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Samples
from moshi_speaker.audio.resample import Downsampler
from moshi_speaker.audio.speech import (
    FALL_S,
    HIGHEST_START_DBFS,
    RISE_DB_PER_S,
    MoshiSpeech,
    NoiseFloor,
    SpeechBounds,
    UserSpeech,
    VoiceBounds,
)
from moshi_speaker.audio.wavfile import read_audio
from moshi_speaker.events import Earcon

SPEECH = Path(__file__).parents[1] / "data" / "clips" / "not_wake.wav"

BOUNDS = SpeechBounds(threshold=0.5, margin_db=6.0, below_db=20.0)
VOICE = VoiceBounds(pad_s=1.0, breath_dbfs=-35.0)


class Room:
    """A user's side whose frames the test makes up."""

    def __init__(self, *, near_dbfs: float | None = None) -> None:
        self.speech = UserSpeech(BOUNDS)
        self.at = 0.0
        self.hear(5.0, 0.0, -60.0)
        self.speech.begin(near_dbfs)

    def hear(
        self, seconds: float, probability: float, level: float, echo: float = FLOOR_DBFS
    ) -> list[Transition]:
        """The same frame for so long; the transitions."""
        found = []
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.at += FRAME_SECONDS
            if (transition := self.speech.feed(probability, level, echo, self.at)) is not None:
                found.append(transition)
        return found


def test_the_floor_falls_fast_and_rises_slowly() -> None:
    floor = NoiseFloor()
    for frame in range(100):
        floor.feed(-70.0, frame * FRAME_SECONDS)
    assert floor.level_dbfs == pytest.approx(-70.0, abs=0.1)
    at = 100 * FRAME_SECONDS
    for frame in range(12):  # about a second of speech
        floor.feed(-20.0, at + frame * FRAME_SECONDS)
    assert floor.level_dbfs == pytest.approx(-70.0 + RISE_DB_PER_S * 12 * FRAME_SECONDS, abs=0.2)
    at += 12 * FRAME_SECONDS
    for frame in range(ceil(2 * FALL_S / FRAME_SECONDS)):
        floor.feed(-70.0, at + frame * FRAME_SECONDS)
    assert floor.level_dbfs < -69.0


def test_one_odd_frame_does_not_bring_the_floor_down() -> None:
    floor = NoiseFloor()
    for frame in range(50):
        floor.feed(-50.0, frame * FRAME_SECONDS)
    floor.feed(-90.0, 50 * FRAME_SECONDS)
    assert floor.level_dbfs > -63.0
    floor.feed(FLOOR_DBFS, 51 * FRAME_SECONDS)
    assert floor.level_dbfs > -63.0, "digital silence is no noise of a room"


def test_the_floor_does_not_rise_with_our_own_echo() -> None:
    floor = NoiseFloor()
    for frame in range(500):
        floor.feed(-60.0 if frame < 10 else -30.0, frame * FRAME_SECONDS, rising=frame < 10)
    assert floor.level_dbfs == pytest.approx(-60.0)


def test_a_floor_that_begins_in_speech_does_not_begin_there() -> None:
    assert NoiseFloor().feed(-15.0, 0.0) == HIGHEST_START_DBFS
    assert NoiseFloor().level_dbfs == FLOOR_DBFS


def test_speech_begins_and_ends() -> None:
    room = Room()
    assert room.hear(1.0, 0.9, -25.0) == [Transition.STARTED]
    assert room.hear(1.0, 0.1, -60.0) == [Transition.ENDED]


def test_what_is_hardly_louder_than_the_room_is_no_speech() -> None:
    room = Room()
    assert room.hear(1.0, 0.95, -57.0) == []
    assert room.hear(1.0, 0.95, -49.0) == [Transition.STARTED]


def test_a_room_that_became_loud_is_a_loud_room_after_a_while() -> None:
    room = Room()
    room.hear(30.0, 0.1, -30.0)
    assert room.hear(1.0, 0.95, -27.0) == []


def test_speech_goes_on_over_soft_syllables() -> None:
    room = Room()
    room.hear(1.0, 0.9, -25.0)
    for _ in range(10):
        assert room.hear(0.4, 0.9, -58.0) == []
        assert room.hear(0.16, 0.9, -25.0) == []


def test_what_may_be_our_own_echo_is_no_speech() -> None:
    room = Room()
    assert room.hear(2.0, 0.95, -38.0, echo=-35.0) == []
    assert room.hear(1.0, 0.95, -30.0, echo=-35.0) == [Transition.STARTED]


def test_speech_far_softer_than_the_wake_word_is_far_away() -> None:
    room = Room(near_dbfs=-20.0)
    assert room.hear(5.0, 0.95, -42.0) == []
    assert room.hear(1.0, 0.95, -38.0) == [Transition.STARTED]


def test_without_a_wake_word_the_loudest_speech_says_what_is_near() -> None:
    room = Room()
    assert room.hear(1.0, 0.95, -20.0) == [Transition.STARTED]
    assert room.hear(1.0, 0.95, -42.0) == [Transition.ENDED]
    room.speech.begin(None)
    assert room.hear(1.0, 0.95, -42.0) == [Transition.STARTED]


def test_other_bounds_hold_at_once() -> None:
    room = Room()
    room.speech.set(SpeechBounds(threshold=0.8, margin_db=30.0, below_db=20.0))
    assert room.hear(1.0, 0.7, -20.0) == []
    assert room.hear(1.0, 0.9, -35.0) == []
    assert room.hear(1.0, 0.9, -20.0) == [Transition.STARTED]


def test_a_reset_ends_speech_without_a_word_and_remembers_the_room() -> None:
    room = Room()
    room.hear(1.0, 0.9, -25.0)
    room.speech.reset()
    assert room.hear(1.0, 0.9, -58.0) == []


def frames(seconds: float) -> range:
    return range(round(seconds / FRAME_SECONDS))


def test_moshi_speaks_while_it_sounds_and_has_words() -> None:
    moshi = MoshiSpeech(VOICE)
    assert moshi.feed(-20.0, True, 0.0) is Transition.STARTED
    ends = [moshi.feed(-70.0, False, 1.0 + frame * FRAME_SECONDS) for frame in frames(1.0)]
    assert ends.count(Transition.ENDED) == 1


def test_moshis_breath_after_its_words_is_silence() -> None:
    moshi = MoshiSpeech(VOICE)
    moshi.feed(-20.0, True, 0.0)
    found = [moshi.feed(-38.0, False, (1 + frame) * FRAME_SECONDS) for frame in frames(0.8)]
    assert found.count(Transition.ENDED) == 0, "there were words a moment ago"
    found = [moshi.feed(-38.0, False, 0.9 + frame * FRAME_SECONDS) for frame in frames(1.0)]
    assert found.count(Transition.ENDED) == 1
    assert moshi.feed(-38.0, False, 2.0) is None, "and begins no speech either"
    assert moshi.feed(-38.0, True, 2.1) is Transition.STARTED


def test_loud_sound_of_moshis_is_speech_also_without_words() -> None:
    moshi = MoshiSpeech(VOICE)
    assert moshi.feed(-38.0, False, 0.0) is None
    assert moshi.feed(-20.0, False, 0.1) is Transition.STARTED
    found = [moshi.feed(-20.0, False, 0.1 + frame * FRAME_SECONDS) for frame in frames(5.0)]
    assert not any(found)
    moshi.reset()
    assert moshi.feed(-38.0, False, 6.0) is None


def heard(sound: Samples) -> list[tuple[Transition, float]]:
    """What is made of a sound in a room with a little noise, by the real detector."""
    rng = np.random.default_rng(1)
    quiet = np.zeros(2 * FRAME_SAMPLES * 12, np.float32)
    scene = np.concatenate((quiet, sound, quiet))
    scene = scene[: len(scene) // FRAME_SAMPLES * FRAME_SAMPLES]
    scene = scene + rng.standard_normal(len(scene)).astype(np.float32) * np.float32(0.0005)
    speech, activity, down = UserSpeech(BOUNDS), SileroActivity(), Downsampler()
    found = []
    for number, frame in enumerate(scene.reshape(-1, FRAME_SAMPLES)):
        probability = activity.feed(down.feed(frame))
        transition = speech.feed(probability, level_dbfs(frame), FLOOR_DBFS, number * FRAME_SECONDS)
        if transition is not None:
            found.append((transition, number * FRAME_SECONDS))
    return found


def test_a_long_story_does_not_become_the_noise_of_the_room() -> None:
    story = np.tile(read_audio(SPEECH), 20)
    assert len(story) > 40 * SAMPLE_RATE
    times = [at for _, at in heard(story)]
    spoken_s = sum(end - start for start, end in zip(times[::2], times[1::2], strict=True))
    assert spoken_s > 0.7 * len(story) / SAMPLE_RATE
    assert times[-1] > len(story) / SAMPLE_RATE


@pytest.mark.parametrize("kind", [Earcon.WAKE, Earcon.END, Earcon.MUTE, Earcon.UNMUTE])
@pytest.mark.parametrize("gain", [0.05, 0.3, 1.0])
def test_an_earcon_is_never_heard_as_speech(kind: Earcon, gain: float) -> None:
    assert heard(earcon(kind) * np.float32(gain)) == []
