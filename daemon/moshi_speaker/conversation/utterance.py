"""Assemble the pieces of Moshi's text, one a frame, into utterances."""

from dataclasses import dataclass

PAUSE_FRAMES = 12
"""Padding frames in a row (80 ms each, about 1 s) that end any utterance."""
SENTENCE_PAUSE_FRAMES = 6
"""Padding frames in a row (about 0.5 s) that end an utterance at the end of a sentence."""
MAX_CHARACTERS = 600
"""A longer text is cut between two words, so that somebody who never pauses is still heard of."""

_SENTENCE_ENDS = tuple(".!?…。！？")
_CLOSING_MARKS = "\"'”’»)]"


@dataclass(frozen=True, slots=True)
class Utterance:
    """What Moshi has said since the last final utterance."""

    text: str = ""
    padding: int = 0
    """Padding frames in a row since the last word."""


def add_frame(utterance: Utterance, piece: str, silent: bool) -> tuple[Utterance, tuple[str, ...]]:
    """Add the text of one frame; returns what is still open, and what is final (rarely several)."""
    text = (utterance.text + piece).lstrip()
    final, text = _cut(text)
    padding = utterance.padding + 1 if silent and text else 0
    if padding < _patience(text):
        return Utterance(text, padding), final
    return Utterance(), (*final, _clean(text))


def flush(utterance: Utterance) -> tuple[str, ...]:
    """End the utterance here: its text, or nothing if there is none."""
    text = _clean(utterance.text)
    return (text,) if text else ()


def _patience(text: str) -> int:
    sentence = text.rstrip().rstrip(_CLOSING_MARKS).endswith(_SENTENCE_ENDS)
    return SENTENCE_PAUSE_FRAMES if sentence else PAUSE_FRAMES


def _cut(text: str) -> tuple[tuple[str, ...], str]:
    final: list[str] = []
    while len(text) > MAX_CHARACTERS:
        space = text.rfind(" ", 0, MAX_CHARACTERS + 1)
        end = space if space > 0 else MAX_CHARACTERS
        final.append(_clean(text[:end]))
        text = text[end:].lstrip()
    return tuple(final), text


def _clean(text: str) -> str:
    return " ".join(text.split())
