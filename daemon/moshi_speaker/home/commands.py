"""What an MQTT command asks for. Commands are input from outside, and are checked like any."""

import re

from moshi_speaker.errors import BadCommand
from moshi_speaker.events import Event, MuteRequested, StartRequested, StopRequested, VolumeRequested
from moshi_speaker.home.topics import Topics

MAX_BYTES = 1024
"""Longest payload that is looked at, in bytes."""

_PERCENT = re.compile(r"[0-9]{1,3}", re.ASCII)


def parse(topics: Topics, topic: str, payload: bytes, retained: bool) -> Event | None:
    """The event that a message on one of ``topics.commands`` asks for.

    A retained one gives None: it was meant for another time. Raises BadCommand for anything else than
    what the topic accepts; the message does not repeat the payload, which may be anything.
    """
    if retained:
        return None
    if topic == topics.conversation_set:
        return _conversation(topic, _text(topic, payload))
    if topic == topics.mute_set:
        return _mute(topic, _text(topic, payload))
    if topic == topics.volume_set:
        return _volume(topic, _text(topic, payload))
    raise BadCommand("no such command", where=topic, remedy=f"there are {', '.join(topics.commands)}")


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
    if _PERCENT.fullmatch(text) and int(text) <= 100:
        return VolumeRequested(percent=int(text))
    raise BadCommand("command ignored", where=topic, remedy="a whole number from 0 to 100 is accepted")
