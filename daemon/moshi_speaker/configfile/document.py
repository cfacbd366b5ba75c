"""YAML text into nodes that know their line."""

import re
from pathlib import Path

import yaml

from moshi_speaker.configfile import files
from moshi_speaker.errors import ConfigError

NULL, BOOL, INT, FLOAT, TEXT = (
    f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str")
)


class ConfigLoader(yaml.SafeLoader):
    """Plain numbers as in YAML 1.2 (010 is ten, 1:30 is text, 1e3 a number); switches may say yes or on."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own class attribute, replaced


for _tag, _pattern, _first in (
    (NULL, r"~|null|Null|NULL|", "~nN\0"),
    (BOOL, r"(?i:true|false|yes|no|on|off)", "tTfFyYnNoO"),
    (INT, r"[-+]?[0-9]{1,18}", "-+0123456789"),
    (FLOAT, r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    ConfigLoader.add_implicit_resolver(
        _tag, re.compile(rf"(?:{_pattern})\Z"), ["" if first == "\0" else first for first in _first]
    )


def read(path: Path) -> tuple[yaml.Node | None, bool]:
    """The root node of the file, or None when it holds nothing; and whether all users may read it.

    Raises ConfigError.
    """
    data, exposed = files.read(path)
    return parse(data, path), exposed


def parse(data: bytes, path: Path) -> yaml.Node | None:
    """The root node of what is in the file, or None when it holds nothing. Raises ConfigError."""
    text = _text(data, path)
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=ConfigLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            "a control character", where=f"{path}:{line}", remedy="remove it, or write it as an escape"
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            f"not valid YAML: {_problem(error)}", where=f"{path}:{mark.line + 1 if mark else 1}"
        ) from error
    except RecursionError as error:
        raise ConfigError("nested too deeply", where=f"{path}:1") from error
    return node


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8", where=f"{path}:{line}", remedy="save the file as UTF-8") from error


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or error.context or "unreadable"
    if r"'\t'" in problem:
        return "a tab; indent with spaces"
    return re.sub(r" '[^'<]{2,}'", "", problem)  # an alias or a tag may be a piece of an unquoted password
