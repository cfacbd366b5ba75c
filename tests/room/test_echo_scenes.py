"""What the echo canceller must do, in short scenes of two rooms; ``tests.bench.echo`` has them all."""

from dataclasses import replace
from functools import cache

import pytest

from tests.room import measures, scenes
from tests.room.cancelling import Cleaning, clean, clean_after_restart, clean_next, ours
from tests.room.scenes import Line, Scene, Sound, render

pytestmark = pytest.mark.skipif(not scenes.HAS_ESPEAK, reason="not installed: espeak-ng")

ROOMS = ("booth", "living room")
"""Dead and with a delay of 10 ms, and live with 180 ms."""

KNOWN_S = 3.0
"""Seconds from the beginning of a scene until a room never heard before is known."""


@cache
def cleaned(scene: Scene) -> tuple[Sound, Cleaning]:
    """A scene, and what our canceller makes of it."""
    sound = render(scene)
    return sound, clean(ours, sound)


@pytest.mark.parametrize("room", ROOMS)
def test_the_echo_goes_within_seconds_in_a_room_never_heard_before(room: str) -> None:
    sound, out = cleaned(scenes.single_talk(room, 10.0))
    assert measures.erle_db(sound, out.pcm, 3.0, 4.0) >= 20.0
    assert measures.erle_db(sound, out.pcm, 4.0) >= 30.0


@pytest.mark.parametrize("room", ROOMS)
def test_moshi_alone_is_nobodys_speech_once_the_room_is_known(room: str) -> None:
    _, out = cleaned(scenes.single_talk(room, 10.0))
    assert [end for _, end in measures.heard_speech(out) if end > KNOWN_S] == []


@pytest.mark.parametrize("room", ROOMS)
def test_in_the_next_talk_the_echo_is_gone_from_the_first_syllable_on(room: str) -> None:
    before, sound = render(scenes.single_talk(room, 10.0)), render(scenes.next_talk(room, 4.0))
    out = clean_next(before, sound)
    assert measures.erle_db(sound, out.pcm, 0.0, measures.FIRST_SYLLABLE_S) >= 20.0


def test_a_room_that_is_known_but_misplaced_after_a_restart_is_no_hindrance() -> None:
    before = render(scenes.single_talk("living room", 10.0))
    sound = render(replace(scenes.after_restart("living room"), seconds=6.0))
    out = clean_after_restart(before, sound)
    assert measures.erle_db(sound, out.pcm, 3.0, 4.0) >= 30.0


def test_two_devices_may_have_two_clocks() -> None:
    sound, out = cleaned(replace(scenes.with_drift("living room"), seconds=14.0))
    assert measures.erle_db(sound, out.pcm, 4.0) >= 25.0


def test_a_small_loudspeaker_may_distort() -> None:
    sound, out = cleaned(replace(scenes.with_distortion("living room"), seconds=10.0))
    assert measures.erle_db(sound, out.pcm, 4.0) >= 20.0


def test_the_microphone_may_be_moved() -> None:
    sound, out = cleaned(replace(scenes.with_moved_microphone("living room", at=7.0), seconds=12.0))
    assert measures.erle_db(sound, out.pcm, 3.0, 4.0, since_s=7.0) >= 20.0


@pytest.mark.parametrize(("room", "echo_db", "stoi"), [("booth", 0.0, 0.80), ("living room", 6.0, 0.74)])
def test_who_talks_over_moshi_is_heard_and_understood(room: str, echo_db: float, stoi: float) -> None:
    sound, out = cleaned(scenes.double_talk(room, echo_db, seconds=14.0))
    assert measures.stoi(sound, out.pcm) >= stoi
    assert measures.double_talk_reduction_db(sound, out.pcm) >= 22.0
    assert measures.noticed(sound, out) >= 0.8


def test_with_headphones_nothing_is_taken_from_the_talker() -> None:
    sound, out = cleaned(scenes.double_talk("booth", None, seconds=14.0))
    assert measures.stoi(sound, out.pcm) >= 0.98


@pytest.mark.parametrize("room", ROOMS)
def test_the_wake_word_is_heard_through_an_echo_12_db_louder(room: str) -> None:
    scene = scenes.wake_words(room, 12.0)
    three = tuple(replace(line, at=5.0 + 3.0 * i) for i, line in enumerate(scene.near[::4]))
    sound, out = cleaned(replace(scene, near=three, seconds=14.0))
    assert measures.found_wake_words(sound, out.pcm) == 3


def test_moshi_never_wakes_itself_not_even_by_the_wake_word() -> None:
    said = (*scenes.NEAR_MISSES, "hey jarvis", "hey jarvis")
    voices = scenes.WAKE_VOICES
    far = [Line(6.0 + 2.0 * i, voices[i % len(voices)], text) for i, text in enumerate(said)]
    scene = scenes.single_talk("living room", 23.0)
    sound, out = cleaned(replace(scene, far=(Line(0.5, "man", seconds=5.0), *far)))
    assert measures.wakes(sound.mic), "the scene is hard enough"
    assert measures.wakes(out.pcm) == []
    assert measures.heard_speech(out) == []
