"""A page of the documentation, taken apart: sections, tables, words in code type, examples in JSON."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Section:
    """What is between a heading and the next one."""

    title: str
    """As it is written, with its code type."""
    text: str

    @property
    def examples(self) -> list[Any]:
        """What its JSON examples say, in their order."""
        return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", self.text, re.DOTALL)]

    @property
    def rows(self) -> list[list[str]]:
        """The cells of all of its tables, without their heads."""
        rows: list[list[str]] = []
        before = ""
        for line in self.text.splitlines():
            if line.startswith("|---"):
                rows.pop()
            elif line.startswith("|"):
                rows.append([cell.strip() for cell in line.strip("|").split("|")])
            before = line
        assert not before.startswith("|---")
        return rows

    @property
    def words(self) -> set[str]:
        """What is in code type, outside of examples."""
        return set(code(re.sub(r"```.*?```", "", self.text, flags=re.DOTALL)))


class Page:
    """One file of ``docs``."""

    def __init__(self, name: str) -> None:
        parts = re.split(r"^#{2,3} (.*)$", (DOCS / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
        self.sections = {
            title: Section(title, text) for title, text in zip(parts[1::2], parts[2::2], strict=True)
        }

    @property
    def words(self) -> set[str]:
        """What is in code type anywhere."""
        return set().union(*(section.words for section in self.sections.values()))


def code(text: str) -> list[str]:
    """What is in code type."""
    return _CODE.findall(text)


def keys(value: object, opaque: frozenset[str] = frozenset(), above: str = "") -> Iterator[str]:
    """The keys in JSON at any depth, dotted; ``[]`` leads into a list, nothing into what is ``opaque``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{above}{key}"
            if key not in opaque:
                yield from keys(inner, opaque, f"{above}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, opaque, f"{above}[].")
