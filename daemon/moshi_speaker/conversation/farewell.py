"""Whether somebody says goodbye, by the words of either side."""

import re
from collections.abc import Iterable

LAST_WORDS = 4
"""Words that may follow: "goodbye and sleep well", but not a sentence in which the word merely stands."""
_NO_WORD = re.compile(r"[\W_]+")


def says_goodbye(text: str, phrases: Iterable[str]) -> bool:
    """Whether a text ends with one of the phrases, or nearly, whatever their case and punctuation."""
    said = _words(text)
    return any(words != " " and _near_the_end(words, said) for words in map(_words, phrases))


def _near_the_end(words: str, said: str) -> bool:
    _, found, rest = said.rpartition(words)
    return bool(found) and len(rest.split()) <= LAST_WORDS


def _words(text: str) -> str:
    """The words of a text, each between two spaces."""
    return f" {_NO_WORD.sub(' ', text.casefold()).strip()} ".replace("  ", " ")
