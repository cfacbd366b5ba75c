"""The demo from outside: another MQTT client, the screen, and the sound file."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from moshi_speaker.audio.wavfile import read_audio
from moshi_speaker.events import Earcon
from tests.hearing import Sound, earcons_in, levels, piece
from tests.mosquitto import Mosquitto
from tests.program import Program
from tests.witness import Heard, Witness

PATIENCE_S = 150.0
"""Seconds for the whole demo; a machine that is not busy needs 25."""


def story(heard: list[Heard]) -> list[str]:
    """The messages that the demo is about, in a few words each."""
    words: dict[str, Callable[[Heard], object]] = {
        "availability": lambda message: message.payload,
        "state": lambda message: message.payload,
        "event/wake": lambda message: message.fields["event_type"],
        "event/conversation": lambda message: message.fields["reason"] or message.fields["event_type"],
        "transcript/assistant": lambda message: message.fields["event_type"],
    }
    return [f"{message.topic} {words[message.topic](message)}" for message in heard if message.topic in words]


def assert_in_order(told: list[str]) -> None:
    """All that a demo must show, in this order; more may stand in between."""
    rest = iter(told)
    for wanted in (
        "availability online",
        "state loading",
        "state idle",
        "event/wake detected",
        "event/conversation started",
        "transcript/assistant final",
        "event/conversation silence",
        "state idle",
        "availability offline",
    ):
        assert wanted in rest, f"{wanted!r} is missing, or not in its place: {told}"


def messages_on(screen: str) -> list[Heard]:
    """The messages that the demo printed."""
    lines = re.findall(r"^ *\d+\.\d s   (\S+) +(\S.*)$", screen, re.MULTILINE)
    return [Heard(topic, payload) for topic, payload in lines]


def assert_sounds_right(sound: Sound) -> None:
    """Silence, the wake earcon, Moshi's voice, silence, the end earcon, silence; nothing clipped."""
    (wake_s, first), (end_s, last) = earcons_in(sound)
    assert (first, last) == (Earcon.WAKE, Earcon.END)
    assert np.abs(sound).max() < 0.99
    assert not piece(sound, 0.0, wake_s - 0.01).any()
    talk = levels(piece(sound, wake_s + 0.4, end_s))
    assert np.sum(talk > -40.0) > 50, "a second of Moshi's voice at least"
    assert levels(piece(sound, end_s - 1.0, end_s - 0.02)).max() < -50.0
    assert not piece(sound, end_s + 0.4, len(sound)).any()


def test_the_demo_shows_a_whole_talk_over_a_broker_and_saves_its_sound(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "talk.wav"
    with Witness(mosquitto.port) as witness:
        broker = f"127.0.0.1:{mosquitto.port}"
        with Program("demo", "--broker", broker, "--out", out, home=tmp_path) as demo:
            assert demo.wait(PATIENCE_S) == 0, demo.stderr.text
        witness.expect("availability", "offline")
        heard = witness.heard
    assert_in_order(story(heard))
    (wake,) = [message.fields for message in heard if message.topic == "event/wake"]
    assert wake["wake_word"] == "hey_jarvis"
    assert 0.5 <= wake["score"] <= 1.0
    words = [message.fields["text"] for message in heard if message.topic == "transcript/assistant"]
    assert all(re.fullmatch(r"[a-z]+( [a-z]+)*", text) for text in words)
    assert messages_on(demo.stdout.text) == heard
    assert re.search(r"random weights.*words are noise", demo.stdout.text)
    assert f"saved      {out}" in demo.stdout.text
    assert demo.stderr.text == ""
    assert_sounds_right(read_audio(out))


def test_the_demo_needs_no_broker(tmp_path: Path) -> None:
    with Program("demo", home=tmp_path) as demo:
        assert demo.wait(PATIENCE_S) == 0, demo.stderr.text
    assert_in_order(story(messages_on(demo.stdout.text)))
    assert (tmp_path / "demo-out" / "moshi.wav").exists()


def test_the_demo_says_in_one_line_that_a_broker_is_not_there(tmp_path: Path) -> None:
    broker = "127.0.0.1:9"
    with Program("demo", "--broker", broker, home=tmp_path) as demo:
        assert demo.wait() == 69
    assert demo.stderr.text.count("\n") == 1
    assert broker in demo.stderr.text
