"""What somebody wants to find, as the full-text index understands it.

    ice cream       both words, in any order
    "ice cream"     exactly so: in quotes, or as one argument of the command line
    choco*          words that begin so

Upper and lower case, accents and punctuation do not matter. Nothing that anybody types is an error of syntax.
"""

import re
from collections.abc import Iterable

from moshi_speaker.events import Side

_PART = re.compile(r'"([^"]*)"?(\*?)|([^\s"]+)')
_WORD = re.compile(r"\w")


def expression(arguments: Iterable[str], side: Side | None = None) -> str | None:
    """The expression for FTS5; None if there is no word in it."""
    terms = [term for argument in arguments for term in _terms(argument)]
    if not terms:
        return None
    words = f"text : ({' AND '.join(terms)})"
    return words if side is None else f'{words} AND side : "{side.value}"'


def _terms(argument: str) -> list[str]:
    if '"' not in argument:
        return _term(argument)
    parts = ((phrase + star) or word for phrase, star, word in _PART.findall(argument))
    return [term for part in parts for term in _term(part)]


def _term(text: str) -> list[str]:
    text = text.encode("utf-8", "replace").decode().strip()  # bytes that are no text come as half characters
    beginning = text.endswith("*")
    plain = text.replace("\0", " ").replace('"', " ").rstrip("*")
    if not _WORD.search(plain):
        return []
    # What looks like a word to Python need not be one to FTS5: then it finds nothing, which is true.
    return [f'"{plain}"{" *" if beginning else ""}']
