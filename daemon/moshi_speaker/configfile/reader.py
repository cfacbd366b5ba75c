"""From YAML nodes to the values of the settings, led by the JSON schema of the settings."""

import difflib
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from moshi_speaker.configfile.accepted import Schema, choices, kinds, words
from moshi_speaker.configfile.document import BOOL, FLOAT, INT, NULL
from moshi_speaker.configfile.files import OPEN
from moshi_speaker.configfile.tags import Tags
from moshi_speaker.errors import ConfigError
from moshi_speaker.settings import MODEL_FILES

Place = tuple[str, ...]
"""The keys that lead to a setting; the number, from 0, where they lead through a list."""

SHOWN_CHARACTERS = 40
"""How much of a wrong value a message repeats."""


class SettingsReader:
    """Turns nodes into plain values, notes what is wrong, and remembers where everything was written."""

    def __init__(self, path: Path, schema: Schema, environ: Mapping[str, str], exposed: bool) -> None:
        """``path`` of the file, absolute: relative paths in it count from its folder.

        A file that is ``exposed``, open to every user of the machine, may hold no secret itself.
        """
        self.problems: list[ConfigError] = []
        self._path = path
        self._schema = schema
        self._exposed = exposed
        self._tags = Tags(path.parent, environ)
        self._lines: dict[Place, int] = {}
        self._shown: dict[Place, str] = {}

    def settings(self, root: yaml.Node) -> dict[str, object]:
        """The values that the file gives; ``problems`` afterwards holds what is wrong with them."""
        self._lines[()] = root.start_mark.line + 1
        return self._section(root, self._schema, ())

    def explain(self, error: ValidationError) -> list[ConfigError]:
        """One error with file and line for each setting that pydantic refused, in the order of the file."""
        found: dict[Place, ConfigError] = {}
        for detail in error.errors():
            place = self._place(detail["loc"])
            schema = self._at(place)
            if detail["type"] == "missing":
                what = f"{_dotted(place)} says no {detail['loc'][-1]}"
                problem = self._error(place, what, f"add a line {detail['loc'][-1]}: VALUE")
            elif detail["type"] != "value_error":
                problem = self._refused(place, words(schema))
            elif "properties" in schema and not place and detail["loc"]:
                default = _dotted(tuple(str(part) for part in detail["loc"]))
                problem = self._error(
                    place, f"the default of {default} cannot be", f"give {detail['ctx']['error']}"
                )
            elif "properties" in schema:
                problem = self._error(place, f"{_dotted(place)}: {detail['ctx']['error']}")
            else:
                problem = self._refused(place, str(detail["ctx"]["error"]))
            found.setdefault(place, problem)
        # A list is too short for pydantic when its only item is wrong.
        inmost = [
            place for place in found if not any(place == other[: len(place)] != other for other in found)
        ]
        return [found[place] for place in sorted(inmost, key=lambda place: self._lines[place])]

    def where(self, place: Place) -> str:
        """File and line of a setting that is in the file."""
        return f"{self._path}:{self._lines[place]}"

    def _section(self, node: yaml.Node, schema: Schema, place: Place) -> dict[str, object]:
        values: dict[str, object] = {}
        if node.tag == NULL:
            return values
        if not isinstance(node, yaml.MappingNode) or node.tag.startswith("!"):
            what = f"{_dotted(place) or 'the file'} is a group of settings, not one value or a list"
            self.problems.append(self._error(place, what, "write lines NAME: VALUE below it, indented"))
            return values
        for key, value in node.value:
            self._entry(key, value, schema, place, values)
        return values

    def _entry(
        self, key: yaml.Node, value: yaml.Node, schema: Schema, place: Place, values: dict[str, object]
    ) -> None:
        line = key.start_mark.line + 1
        name = " ".join(key.value.split()) if isinstance(key, yaml.ScalarNode) else "?"
        inner = (*place, name)
        if inner in self._lines:
            what = f"{_dotted(inner)} is there twice, first in line {self._lines[inner]}"
            self.problems.append(ConfigError(what, where=f"{self._path}:{line}", remedy="remove one"))
            return
        self._lines[inner] = line
        if name not in schema["properties"]:
            self.problems.append(self._unknown(inner, schema))
            return
        field = self._follow(schema["properties"][name])
        try:
            values[name] = self._value(value, field, inner)
        except ConfigError as problem:
            self.problems.append(problem)

    def _value(self, node: yaml.Node, schema: Schema, place: Place) -> object:
        if "items" in schema:
            return self._list(node, schema, place)
        return (
            self._section(node, schema, place) if "properties" in schema else self._leaf(node, schema, place)
        )

    def _list(self, node: yaml.Node, schema: Schema, place: Place) -> tuple[object, ...]:
        """What is wrong with one of the items does not hide what is wrong with the others."""
        self._shown[place] = _shown(node)
        if not isinstance(node, yaml.SequenceNode) or node.tag.startswith("!"):
            raise self._refused(place, words(schema))
        items = []
        for number, item in enumerate(node.value):
            inner = (*place, str(number))
            self._lines[inner] = item.start_mark.line + 1
            try:
                items.append(self._item(item, self._follow(schema["items"]), inner))
            except ConfigError as problem:
                self.problems.append(problem)
        return tuple(items)

    def _item(self, node: yaml.Node, schema: Schema, place: Place) -> object:
        """An item that is a group may be written short: as the value of its chief setting."""
        chief = schema.get("short_for")
        if chief is None or isinstance(node, yaml.MappingNode):
            return self._value(node, schema, place)
        self._lines[(*place, chief)] = self._lines[place]
        return {chief: self._leaf(node, schema["properties"][chief], (*place, chief))}

    def _leaf(self, written: yaml.Node, schema: Schema, place: Place) -> object:
        node = self._tags.resolve(written, self.where(place))
        self._shown[place] = _shown(node)
        secret = any("writeOnly" in choice for choice in choices(schema))
        if node is not written or secret:
            self._shown[place] = "not usable (its value is not shown)"
        if secret and node is written and node.tag != NULL and self._exposed:
            raise self._error(
                place,
                f"{_dotted(place)} stands in a file that is {OPEN}",
                f"chmod 600 {shlex.quote(str(self._path))}, or keep it elsewhere (!secret, password_file)",
            )
        if not isinstance(node, yaml.ScalarNode):
            raise self._refused(place, words(schema))
        accepts = kinds(schema)
        if node.tag == NULL:
            if "null" not in accepts:
                raise self._refused(place, f"{words(schema)}, or leave the line out for the default")
            return None
        if "string" in accepts and not (node.tag == INT and "integer" in accepts):
            return self._text(node.value, schema, place)
        return _number_or_switch(node)

    def _text(self, text: str, schema: Schema, place: Place) -> object:
        formats = {choice.get("format") for choice in choices(schema)}
        if "path" in formats:
            if not text:
                raise self._refused(place, words(schema))
            return Path(text) if text.startswith("~") else self._path.parent / text
        if "name-or-path" in formats:
            if text.startswith("~/"):
                return str(Path(text).expanduser())
            if text.startswith(("./", "../")) or text.endswith(MODEL_FILES):
                return str(self._path.parent / text)
        return text

    def _unknown(self, place: Place, schema: Schema) -> ConfigError:
        return self._error(
            place,
            f"unknown setting {_dotted(place)}",
            f"did you mean {_dotted(self._nearest(place, schema))}?",
        )

    def _nearest(self, place: Place, schema: Schema) -> Place:
        *above, name = place
        beside = list(schema["properties"])
        for known, field in schema["properties"].items():
            if field.get("formerly") == name:
                return (*above, known)
        if near := difflib.get_close_matches(name, beside, 1):
            return (*above, near[0])
        everywhere = {known[-1]: known for known in self._places(self._schema, ())}
        if near := difflib.get_close_matches(name, everywhere, 1, cutoff=0.8):
            return everywhere[near[0]]
        return (*above, difflib.get_close_matches(name, beside, 1, cutoff=0)[0])

    def _places(self, schema: Schema, place: Place) -> Iterator[Place]:
        for name, field in schema["properties"].items():
            inner, followed = (*place, name), self._follow(field)
            yield inner
            if "properties" in followed:
                yield from self._places(followed, inner)

    def _follow(self, schema: Schema) -> Schema:
        reference = schema.get("$ref")
        return self._schema["$defs"][reference.rpartition("/")[2]] if reference else schema

    def _at(self, place: Place) -> Schema:
        schema = self._schema
        for name in place:
            schema = self._follow(schema["items"] if "items" in schema else schema["properties"][name])
        return schema

    def _place(self, location: tuple[int | str, ...]) -> Place:
        place = tuple(str(part) for part in location)
        while place not in self._lines:  # pydantic adds which alternative of a union it tried
            place = place[:-1]
        return place

    def _error(self, place: Place, what: str, remedy: str = "") -> ConfigError:
        return ConfigError(what, where=self.where(place), remedy=remedy)

    def _refused(self, place: Place, accepted: str) -> ConfigError:
        return self._error(place, f"{_dotted(place)} is {self._shown[place]}", f"give {accepted}")


def _dotted(place: Place) -> str:
    """For people, who count from 1."""
    return ".".join(str(int(name) + 1) if name.isdecimal() else name for name in place)


def _number_or_switch(node: yaml.ScalarNode) -> object:
    text: str = node.value
    if node.tag == BOOL:
        return text.lower() in ("true", "yes", "on")
    if node.tag == INT:
        return int(text)
    return float(text) if node.tag == FLOAT else text


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if not isinstance(node, yaml.ScalarNode):
        return "a group"
    if not node.value:
        return "empty"
    before, at, text = " ".join(node.value.split()).rpartition("@")
    text = "…@" + text if at and before else at + text  # before it a password may stand, as in a URL
    text = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
    return f'"{text}"' if node.style else text
