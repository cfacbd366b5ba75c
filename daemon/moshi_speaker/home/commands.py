"""What an MQTT command asks for. Commands are input from outside, and are checked like any."""

import json
import re

from moshi_speaker.errors import BadCommand
from moshi_speaker.events import (
    Event,
    MuteRequested,
    Request,
    SettingRequested,
    StartRequested,
    StopRequested,
    Transaction,
    VolumeRequested,
)
from moshi_speaker.home.topics import Topics

MAX_BYTES = 1024
"""Longest payload that is looked at, in bytes."""

MAX_TRANSACTION = 64
"""Longest transaction that is given back, in characters or digits."""

_PERCENT = re.compile(r"[0-9]{1,3}", re.ASCII)


class BadRequest(BadCommand):
    """A request that means nothing to us, and whoever asked shall hear of it."""

    def __init__(self, what: str, *, where: str, remedy: str, transaction: Transaction = None) -> None:
        """``transaction`` is that of the request, if it could be read."""
        super().__init__(what, where=where, remedy=remedy)
        self.transaction = transaction


def parse(topics: Topics, topic: str, payload: bytes, retained: bool) -> Event | Request | None:
    """The event that a message on one of ``topics.commands`` asks for.

    A retained one gives None: it was meant for another time. Raises BadCommand for anything else than
    what the topic accepts, BadRequest if whoever sent it waits for an answer; the message does not repeat
    the payload, which may be anything.
    """
    if retained:
        return None
    if topic == topics.conversation_set:
        return _conversation(topic, _text(topic, payload))
    if topic == topics.mute_set:
        return _mute(topic, _text(topic, payload))
    if topic == topics.volume_set:
        return _volume(topic, _text(topic, payload))
    if topic == topics.request("set"):
        return _setting(topic, payload)
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
    if _PERCENT.fullmatch(text) and int(text) <= 100:
        return VolumeRequested(percent=int(text))
    raise BadCommand("command ignored", where=topic, remedy="a whole number from 0 to 100 is accepted")


def _setting(topic: str, payload: bytes) -> Request:
    try:
        request = json.loads(_text(topic, payload))
        json.dumps(request, ensure_ascii=False, allow_nan=False).encode()  # it may have to be given back
    except BadCommand as error:
        raise BadRequest(error.what, where=topic, remedy=error.remedy) from None
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise BadRequest(
            "this is no JSON object", where=topic, remedy='send {"name": "wake.threshold", "value": 0.6}'
        )
    transaction = _transaction(topic, request)
    strangers = request.keys() - {"name", "value", "transaction"}
    if strangers or not isinstance(request.get("name"), str) or "value" not in request:
        raise BadRequest(
            "request ignored",
            where=topic,
            remedy="name (text) and value are needed, transaction may be there, and nothing else",
            transaction=transaction,
        )
    return SettingRequested(request["name"], request["value"], transaction)


def _transaction(topic: str, request: dict[str, object]) -> Transaction:
    transaction = request.get("transaction")
    if transaction is None:
        return None
    fits = isinstance(transaction, str | int) and not isinstance(transaction, bool)
    if not fits or len(str(transaction)) > MAX_TRANSACTION:
        remedy = f"at most {MAX_TRANSACTION} characters of text or a whole number are accepted"
        raise BadRequest("transaction ignored, and the request with it", where=topic, remedy=remedy)
    return transaction if isinstance(transaction, str | int) else None
