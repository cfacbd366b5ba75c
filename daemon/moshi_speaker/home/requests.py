"""What a request in JSON asks for; whoever sent it is answered, also where it is refused."""

import json
from collections import Counter
from difflib import get_close_matches
from math import inf, isfinite
from typing import NoReturn, TypeGuard

from moshi_speaker.errors import BadCommand
from moshi_speaker.events import (
    BenchRequested,
    HealthRequested,
    HistoryRequested,
    ReloadRequested,
    Request,
    RestartRequested,
    SettingRequested,
    Transaction,
    Value,
)

MAX_BYTES = 4096
"""Longest payload that is looked at, in bytes."""
MAX_TRANSACTION = 64
"""Longest transaction that is given back, in characters or digits."""
MAX_NAME = 64
"""Longest name of a setting, in characters."""
MAX_TEXTS = 64
"""Texts that a list may have."""
MAX_BRACKETS = 64
"""Opening brackets that are looked at; no request needs more than two, but a text may have some. To find out
that thousands are nested too deeply takes as long as a hundred requests."""
SHOWN_CHARACTERS = 40
"""How much of a name from outside a message repeats."""
NO_ARGUMENTS = ("", "PRESS")
"""What means the same as an empty object: nothing, and what a button of Home Assistant sends by itself."""
DEFAULT_CONVERSATIONS, MAX_CONVERSATIONS = 10, 50
DEFAULT_FRAMES, MIN_FRAMES, MAX_FRAMES = 25, 3, 250

_KEYS = {"set": ("name", "value"), "history": ("limit",), "bench": ("frames",)}
"""What a request may have besides its transaction; nothing where it is not in here."""
_EXAMPLES = {"set": '{"name": "wake.threshold", "value": 0.6}', "history": '{"limit": 10}'}
_WHOLE_64 = 2**63


class BadRequest(BadCommand):
    """A request that means nothing to us, and whoever asked shall hear of it."""

    def __init__(
        self, what: str, *, where: str, remedy: str, command: str, transaction: Transaction = None
    ) -> None:
        """``transaction`` is that of the request, if it could be read."""
        super().__init__(what, where=where, remedy=remedy)
        self.command = command
        self.transaction = transaction


class _Refused(Exception):
    def __init__(self, what: str, remedy: str) -> None:
        self.what = what
        self.remedy = remedy


class _Pairs(list[tuple[str, object]]):
    """A JSON object as it was written: a name may be there twice."""


def parse_request(topic: str, command: str, payload: bytes) -> Request:
    """The request that a message on ``request/<command>`` makes. Raises BadRequest."""
    transaction: Transaction = None
    try:
        pairs = _pairs(command, payload)
        transaction = _transaction([value for name, value in pairs if name == "transaction"])
        return _request(command, _fields(command, pairs), transaction)
    except _Refused as refusal:
        raise BadRequest(
            refusal.what, where=topic, remedy=refusal.remedy, command=command, transaction=transaction
        ) from None


def _pairs(command: str, payload: bytes) -> _Pairs:
    if len(payload) > MAX_BYTES:
        raise _Refused(f"request of {len(payload)} bytes ignored", f"at most {MAX_BYTES} are accepted")
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError:
        raise _Refused("request ignored", "only UTF-8 text is accepted") from None
    if text in NO_ARGUMENTS:
        return _Pairs()
    if text.count("[") + text.count("{") > MAX_BRACKETS:
        raise _Refused("request ignored", f"at most {MAX_BRACKETS} opening brackets are accepted")
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs, parse_int=_integer, parse_constant=_no_number)
    except ValueError:
        pairs = None
    if not isinstance(pairs, _Pairs):
        raise _Refused("this is no JSON object", f"send {_EXAMPLES.get(command, '{}')}")
    return pairs


def _integer(digits: str) -> int | float:
    """One of thousands of digits, which takes a while to work out, fits nowhere."""
    return int(digits) if len(digits) <= MAX_TRANSACTION + 1 else inf


def _no_number(name: str) -> NoReturn:
    """JSON knows neither NaN nor Infinity; Python does."""
    raise ValueError(name)


def _transaction(values: list[object]) -> Transaction:
    match values:
        case [] | [None]:
            return None
        case [str(text)] if len(text) <= MAX_TRANSACTION and _is_unicode(text):
            return text
        case [int(number)] if not isinstance(number, bool) and abs(number) < 10**MAX_TRANSACTION:
            return number
    remedy = f"at most {MAX_TRANSACTION} characters of text or a whole number are accepted, once"
    raise _Refused("transaction ignored, and the request with it", remedy)


def _fields(command: str, pairs: _Pairs) -> dict[str, object]:
    """The arguments. Each must be one that the command has, and be there once."""
    fields = {name: value for name, value in pairs if name != "transaction"}
    known = (*_KEYS.get(command, ()), "transaction")
    stranger = next((name for name in fields if name not in known), None)
    if stranger is not None:
        near = get_close_matches(stranger[:MAX_NAME], known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there may be {' and '.join(known)}"
        raise _Refused(f"a {command} request has no {_shown(stranger)}", hint)
    name, times = Counter(name for name, _ in pairs).most_common(1)[0] if pairs else ("", 0)
    if times > 1:
        raise _Refused(f"{name} is there {times} times", "send it once")
    return fields


def _request(command: str, fields: dict[str, object], transaction: Transaction) -> Request:
    match command:
        case "health":
            return HealthRequested(transaction)
        case "restart":
            return RestartRequested(transaction)
        case "reload":
            return ReloadRequested(transaction)
        case "history":
            limit = _whole(fields, "limit", DEFAULT_CONVERSATIONS, 1, MAX_CONVERSATIONS)
            return HistoryRequested(limit, transaction)
        case "bench":
            frames = _whole(fields, "frames", DEFAULT_FRAMES, MIN_FRAMES, MAX_FRAMES)
            return BenchRequested(frames, transaction)
    return _setting(fields, transaction)


def _setting(fields: dict[str, object], transaction: Transaction) -> Request:
    for key in _KEYS["set"]:
        if key not in fields:
            raise _Refused(f"{key} is missing", f"send {_EXAMPLES['set']}")
    name, value = fields["name"], fields["value"]
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not _is_unicode(name):
        raise _Refused("name is not that of a setting", f"text of 1 to {MAX_NAME} characters is accepted")
    if not _is_value(value):
        raise _Refused(
            "value is none that a setting can have",
            f"a number, text, true, false, null or a list of at most {MAX_TEXTS} texts is accepted",
        )
    return SettingRequested(name, value, transaction)


def _is_value(value: object) -> TypeGuard[Value]:
    match value:
        case None | bool():
            return True
        case int():
            return abs(value) < _WHOLE_64
        case float():
            return isfinite(value)  # 1e999 is written like a number
        case str():
            return _is_unicode(value)
        case list() if not isinstance(value, _Pairs) and len(value) <= MAX_TEXTS:
            return all(isinstance(text, str) and _is_unicode(text) for text in value)
    return False


def _whole(fields: dict[str, object], name: str, default: int, least: int, most: int) -> int:
    """A whole number; 10.0 is one, as some clients write it."""
    value = fields.get(name, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _Refused(f"{name} does not fit", f"a whole number from {least} to {most} is accepted")
    return value


def _is_unicode(text: str) -> bool:
    """No half of a pair stands alone: it could be neither logged nor sent back."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _shown(name: str) -> str:
    return repr(name[:SHOWN_CHARACTERS])
