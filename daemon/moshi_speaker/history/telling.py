"""Conversations as people read them: local time, plain text, lines that fit a screen."""

import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime

from moshi_speaker.events import Side
from moshi_speaker.history.reading import Conversation, Found, Utterance

WIDTH = 80
_WHO = {Side.USER: "you", Side.ASSISTANT: "Moshi"}
_INDENT = " " * 16


def overview(conversations: Iterable[Conversation]) -> Iterator[str]:
    """A line for each: when, how long, how many utterances, why it ended, its id."""
    for talk in conversations:
        said = len(talk.utterances)
        what = f"{said} utterance{'' if said == 1 else 's'}"
        yield f"{_when(talk.started)}  {_long(talk):>8}  {what:15} {_why(talk):16} {talk.id}"


def whole(talk: Conversation) -> Iterator[str]:
    """What was said, with a heading."""
    by = f", by {talk.trigger.replace('_', ' ')}" if talk.trigger else ""
    yield f"conversation {talk.id}"
    yield (
        f"{_when(talk.started)}{by}; {_why(talk)} after {_long(talk)}"
        if talk.ended
        else (f"{_when(talk.started)}{by}; it goes on")
    )
    for utterance in talk.utterances:
        yield from _said(utterance, f"{_local(utterance.at):%H:%M:%S}")


def found(hit: Found) -> Iterator[str]:
    """One utterance, and in which conversation it is."""
    yield f"{_when(hit.utterance.at)}  conversation {hit.conversation_id}"
    yield from _said(hit.utterance, "")


def _said(utterance: Utterance, when: str) -> Iterator[str]:
    head = f"{when:8}  {_WHO[utterance.side]:>5} "
    words = " ".join(utterance.text.split())
    yield from textwrap.wrap(words, WIDTH, initial_indent=head, subsequent_indent=_INDENT) or [head]


def _when(at: float) -> str:
    return f"{_local(at):%Y-%m-%d %H:%M}"


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at).astimezone()


def _long(talk: Conversation) -> str:
    if talk.duration_s is None:
        return "-"
    minutes, seconds = divmod(round(talk.duration_s), 60)
    return f"{minutes}:{seconds:02} min"


def _why(talk: Conversation) -> str:
    return "goes on" if talk.ended is None else (talk.reason or "").replace("_", " ")
