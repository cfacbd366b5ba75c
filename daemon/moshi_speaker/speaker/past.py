"""Earlier conversations, as they are told to whoever asks over MQTT."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from moshi_speaker.events import Json, Side

MAX_BYTES = 48 * 1024
"""Longest list that is told, as JSON: some brokers and clients take no more than 64 KiB."""


class PastUtterance(Protocol):
    """What one side said."""

    @property
    def side(self) -> Side:
        """Who."""

    @property
    def text(self) -> str:
        """What."""

    @property
    def at(self) -> float:
        """Seconds since 1970."""


class PastConversation(Protocol):
    """One talk."""

    @property
    def id(self) -> str:
        """As it was published."""

    @property
    def trigger(self) -> str:
        """``wake_word`` or who asked."""

    @property
    def started(self) -> float:
        """Seconds since 1970."""

    @property
    def ended(self) -> float | None:
        """The same; None while it goes on."""

    @property
    def reason(self) -> str | None:
        """Why it ended."""

    @property
    def duration_s(self) -> float | None:
        """How long it was."""

    @property
    def turns(self) -> int:
        """Utterances of Moshi."""

    @property
    def utterances(self) -> Sequence[PastUtterance]:
        """The oldest first."""


class Past(Protocol):
    """What is kept of earlier conversations."""

    def conversations(self, limit: int, sides: Sequence[Side]) -> Sequence[PastConversation]:
        """The latest, the newest first, with the words of these sides alone. Blocks; called from a thread."""


def told(conversations: Sequence[PastConversation], max_bytes: int = MAX_BYTES) -> dict[str, Json]:
    """As many of them as fit, the newest first; of the first one at least its latest words."""
    found: list[Json] = []
    left = max_bytes
    for conversation in conversations:
        fields = _fields(conversation, conversation.utterances)
        left -= _size(fields)
        if left < 0 and not found:
            found.append(_shortened(conversation, max_bytes))
        if left < 0:
            break
        found.append(fields)
    return {"conversations": found, "truncated": left < 0}


def _shortened(conversation: PastConversation, max_bytes: int) -> dict[str, Json]:
    """With as many of its latest words as fit."""
    left = max_bytes - _size(_fields(conversation, ()))
    kept = 0
    for utterance in reversed(conversation.utterances):
        left -= _size(_utterance(utterance))
        if left < 0:
            break
        kept += 1
    return _fields(conversation, conversation.utterances[len(conversation.utterances) - kept :])


def _fields(conversation: PastConversation, utterances: Sequence[PastUtterance]) -> dict[str, Json]:
    return {
        "id": conversation.id,
        "trigger": conversation.trigger,
        "started_at": _time(conversation.started),
        "ended_at": None if conversation.ended is None else _time(conversation.ended),
        "reason": conversation.reason,
        "duration_s": None if conversation.duration_s is None else round(conversation.duration_s, 3),
        "turns": conversation.turns,
        "utterances": [_utterance(utterance) for utterance in utterances],
    }


def _utterance(utterance: PastUtterance) -> dict[str, Json]:
    return {"side": utterance.side.value, "text": utterance.text, "ts": _time(utterance.at)}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _size(fields: Json) -> int:
    """Bytes, with a comma after it."""
    return len(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")) + 1
