"""What an MQTT command asks for. Commands are input from outside, and are checked like any."""

import re

from moshi_speaker.errors import BadCommand
from moshi_speaker.events import (
    Event,
    MuteRequested,
    Request,
    StartRequested,
    StopRequested,
    VolumeRequested,
    WakeSensitivityRequested,
    WakeWordRequested,
)
from moshi_speaker.home.requests import parse_request
from moshi_speaker.home.topics import REQUESTS, Topics

MAX_BYTES = 1024
"""Longest payload on a ``/set`` topic that is looked at, in bytes."""
MAX_OPTION = 255
"""Longest name of an option, in characters: Home Assistant knows none that are longer."""
MAX_SENSITIVITY = 0.99
"""Above it the threshold would be nothing, and any sound a wake word."""

_PERCENT = re.compile(r"([0-9]{1,3})(\.0{1,20})?", re.ASCII)
_FRACTION = re.compile(r"(0|1|0?\.[0-9]{1,20}|1\.0{1,20})", re.ASCII)


def parse(topics: Topics, topic: str, payload: bytes, retained: bool) -> Event | Request | None:
    """What a message on one of ``topics.commands`` asks for.

    A retained one gives None: it was meant for another time. Raises BadCommand for anything else than
    what the topic accepts, BadRequest if whoever sent it waits for an answer; the message repeats at most
    a name from the payload, which may be anything.
    """
    if retained:
        return None
    command = topic.removeprefix(f"{topics.root}/request/")
    if command in REQUESTS:
        return parse_request(topic, command, payload)
    if topic == topics.conversation_set:
        return _conversation(topic, _text(topic, payload))
    if topic == topics.mute_set:
        return _mute(topic, _text(topic, payload))
    if topic == topics.volume_set:
        return _volume(topic, _text(topic, payload))
    if topic == topics.wake_sensitivity_set:
        return _sensitivity(topic, _text(topic, payload))
    if topic == topics.wake_word_set:
        return _wake_word(topic, _text(topic, payload))
    known = ", ".join(command.removeprefix(f"{topics.root}/") for command in topics.commands)
    raise BadCommand("no such command", where=topic, remedy=f"there are {known}")


def _text(topic: str, payload: bytes) -> str:
    if len(payload) > MAX_BYTES:
        raise BadCommand(
            f"command of {len(payload)} bytes ignored",
            where=topic,
            remedy=f"at most {MAX_BYTES} are accepted",
        )
    try:
        return payload.decode().strip()
    except UnicodeDecodeError:
        raise BadCommand("command ignored", where=topic, remedy="only UTF-8 text is accepted") from None


def _conversation(topic: str, text: str) -> Event:
    match text:
        case "start":
            return StartRequested(trigger="mqtt")
        case "stop":
            return StopRequested()
    raise BadCommand("command ignored", where=topic, remedy="start or stop is accepted")


def _mute(topic: str, text: str) -> Event:
    match text:
        case "ON":
            return MuteRequested(on=True)
        case "OFF":
            return MuteRequested(on=False)
    raise BadCommand("command ignored", where=topic, remedy="ON or OFF is accepted")


def _volume(topic: str, text: str) -> Event:
    match = _PERCENT.fullmatch(text)
    if match and int(match[1]) <= 100:
        return VolumeRequested(percent=int(match[1]))
    raise BadCommand("command ignored", where=topic, remedy="a whole number from 0 to 100 is accepted")


def _sensitivity(topic: str, text: str) -> Request:
    if _FRACTION.fullmatch(text) and float(text) <= MAX_SENSITIVITY:
        return WakeSensitivityRequested(float(text))
    raise BadCommand(
        "command ignored", where=topic, remedy=f"a number from 0 to {MAX_SENSITIVITY} is accepted"
    )


def _wake_word(topic: str, text: str) -> Request:
    """Which options there are, others know."""
    if 0 < len(text) <= MAX_OPTION and text.isprintable():
        return WakeWordRequested(text)
    raise BadCommand(
        "command ignored", where=topic, remedy=f"an option of 1 to {MAX_OPTION} characters is accepted"
    )
