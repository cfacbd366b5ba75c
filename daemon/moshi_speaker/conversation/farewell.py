"""Whether somebody says goodbye, by the words of either side."""

import re
from collections.abc import Iterable

_NO_WORD = re.compile(r"[\W_]+")


def says_goodbye(text: str, phrases: Iterable[str]) -> bool:
    """Whether a text holds one of the phrases as whole words, whatever their case and punctuation."""
    said = _words(text)
    return any(words != " " and words in said for words in map(_words, phrases))


def _words(text: str) -> str:
    """The words of a text, each between two spaces."""
    return f" {_NO_WORD.sub(' ', text.casefold()).strip()} ".replace("  ", " ")
