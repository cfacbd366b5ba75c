"""The demo from outside: another MQTT client, the screen, and the sound file."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from paho.mqtt import publish as publisher
from paho.mqtt import subscribe
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

import moshi_speaker
from moshi_speaker.audio.wavfile import read_audio
from moshi_speaker.demo.audience import LONGEST, Audience
from moshi_speaker.events import Earcon
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.daemon import Speaker
from tests.hearing import Sound, earcons_in, levels, piece
from tests.mosquitto import Mosquitto
from tests.program import Program
from tests.witness import OFFLINE, Heard, Witness

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
    """All that a demo must show: what holds, and what happens, each in its order; more may stand between."""
    for wanted in (
        ("availability online", "state loading", "state idle", "state conversation", "state idle"),
        ("event/wake detected", "event/conversation started", "transcript/assistant final"),
        ("event/conversation started", "event/conversation silence", "availability offline"),
    ):
        rest = iter(told)
        for one in wanted:
            assert one in rest, f"{one!r} is missing, or not in its place: {told}"


def messages_on(screen: str) -> list[Heard]:
    """The messages that the demo printed."""
    lines = re.findall(r"^ *\d+\.\d s   (\S+) +(\S.*)$", screen, re.MULTILINE)
    return [Heard(topic, payload) for topic, payload in lines]


def printed(message: Heard) -> Heard:
    """The message as the demo prints it."""
    whole = message.payload
    return Heard(message.topic, whole if len(whole) <= LONGEST else f"{whole[:LONGEST]}…")


def retained_at(port: int) -> list[Heard]:
    """What a client hears that comes now: first all that is retained."""
    with Witness(port) as late:
        publisher.single("moshi-speaker/mark/mark", "now", qos=1, port=port)
        late.expect("mark", "now")
        return late.heard[:-1]


def discovered_at(port: int) -> list[str]:
    """Topics on which Home Assistant would find a device."""
    found: list[str] = []

    def hear(client: Client, data: object, message: MQTTMessage) -> None:
        if message.retain:
            found.append(message.topic)
        else:
            client.disconnect()

    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = hear
    client.connect("127.0.0.1", port)
    client.subscribe("homeassistant/#", 1)
    client.publish("homeassistant/mark", "now", 1)
    client.loop_forever()
    return found


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
        heard = witness.heard[: witness.heard.index(OFFLINE) + 1]
        heard = [message for message in heard if message.payload]  # the others are to be forgotten
    assert retained_at(mosquitto.port) == []
    assert discovered_at(mosquitto.port) == []
    assert_in_order(story(heard))
    (wake,) = [message.fields for message in heard if message.topic == "event/wake"]
    assert wake["wake_word"] == "hey_jarvis"
    assert 0.5 <= wake["score"] <= 1.0
    words = [message.fields["text"] for message in heard if message.topic == "transcript/assistant"]
    assert all(re.fullmatch(r"[a-z]+( [a-z]+)*", text) for text in words)
    assert messages_on(demo.stdout.text) == list(map(printed, heard))
    assert re.search(r"random weights.*words are noise", demo.stdout.text)
    assert f"saved      {out}" in demo.stdout.text
    assert demo.stderr.text == ""
    assert_sounds_right(read_audio(out))


def test_the_demo_needs_no_broker(tmp_path: Path) -> None:
    with Program("demo", home=tmp_path) as demo:
        assert demo.wait(PATIENCE_S) == 0, demo.stderr.text
    assert_in_order(story(messages_on(demo.stdout.text)))
    assert (tmp_path / "demo-out" / "moshi.wav").exists()


def test_the_demo_prints_bytes_that_are_no_text_and_ends_when_the_broker_goes_away(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(f"mqtt: {{host: 127.0.0.1, port: {mosquitto.port}, base_topic: here/there}}\n")
    with Program("demo", "--config", config, home=tmp_path) as demo:
        demo.stdout.expect(r"state +loading")
        publisher.single(f"{root_of_the_demo(mosquitto)}/odd", b"\xff!", qos=1, port=mosquitto.port)
        demo.stdout.expect(r"odd +\\xff!")
        mosquitto.kill()
        assert demo.wait() == 69
    line = f"moshi-speaker: the MQTT broker 127.0.0.1:{mosquitto.port} went away; "
    assert demo.stderr.text.startswith(line)
    assert demo.stderr.text.count("\n") == 1


def root_of_the_demo(broker: Mosquitto) -> str:
    """What the topics of the demo at a broker begin with."""
    message = subscribe.simple("here/there/+/availability", port=broker.port)  # type: ignore[no-untyped-call]
    return str(message.topic).removesuffix("/availability")


def test_the_demo_gives_the_broker_the_name_and_password_of_a_configuration(
    make_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "me", "hunter2"], check=True)
    broker = make_mosquitto("allow_anonymous false", f"password_file {passwords}")
    broker.start()
    config = tmp_path / "mine.yaml"
    config.write_text("mqtt: {host: nowhere.invalid, username: me, password: hunter2}\n")
    config.chmod(0o600)
    address = f"127.0.0.1:{broker.port}"
    with Program("demo", "--config", config, "--broker", address, home=tmp_path) as demo:
        demo.stdout.expect(r"state +loading")
        assert demo.stop()[0] == 0
    with Program("demo", "--broker", address, home=tmp_path) as demo:
        assert demo.wait() == 69
    assert demo.stderr.text.count("\n") == 1
    assert "talk goes on" not in demo.stderr.text


def test_the_demo_ends_quietly_when_nobody_reads_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "moshi_speaker", "demo", "--out", str(tmp_path / "out.wav")]
    environment = {**os.environ, "PYTHONPATH": str(Path(moshi_speaker.__file__).parents[1])}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        while "idle" not in demo.stdout.readline():
            pass
        demo.stdout.close()
        assert (demo.wait(PATIENCE_S), demo.stderr.read()) == (141, "")


class FakeSpeaker:
    """Remembers why it failed."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []

    def fail(self, error: BaseException) -> None:
        self.failures.append(error)


@pytest.mark.parametrize("talked", [False, True])
async def test_a_talk_that_does_not_end_is_told_from_none(talked: bool) -> None:
    speaker = FakeSpeaker()
    settings = Settings.model_validate({"speaker": {"id": "x"}, "mqtt": {"host": "127.0.0.1"}})
    audience = Audience(settings, None, cast(Speaker, speaker), lambda line: None)
    if talked:
        audience._follow("moshi-speaker/x/conversation", "ON")
    audience._too_late()
    (error,) = speaker.failures
    assert ("the talk did not end within 60 s" if talked else "no talk came about") in str(error)


def test_the_demo_says_in_one_line_that_a_broker_is_not_there(tmp_path: Path) -> None:
    broker = "127.0.0.1:9"
    with Program("demo", "--broker", broker, home=tmp_path) as demo:
        assert demo.wait() == 69
    assert demo.stderr.text.count("\n") == 1
    assert broker in demo.stderr.text
