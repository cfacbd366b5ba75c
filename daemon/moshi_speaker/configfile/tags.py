"""The tags of the configuration: ``!secret``, ``!credential`` and ``!env``, each with a name."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from moshi_speaker.configfile import files
from moshi_speaker.configfile.document import ConfigLoader, parse
from moshi_speaker.errors import ConfigError

SECRETS_FILE = "secrets.yaml"
"""Lies beside the configuration file."""
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""The variable in which systemd names the folder of the service's credentials (systemd.exec(5))."""

_TAGS = ("!secret", "!env", "!credential")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}", re.ASCII)


class Tags:
    """Puts the value in the place of the tag."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """``folder`` is where the configuration lies; ``environ`` is asked for all but secrets."""
        self._path = folder / SECRETS_FILE
        self._environ = environ
        self._secrets: dict[str, yaml.Node] | None = None

    def resolve(self, node: yaml.Node, where: str) -> yaml.Node:
        """The node that a local tag stands for; any other node as it is. Raises ConfigError."""
        if not node.tag.startswith("!"):
            return node
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _TAGS:
            raise ConfigError(
                "unknown tag",
                where=where,
                remedy="use !secret NAME, !env NAME or !credential NAME, or quote the text",
            )
        words = node.value.split(maxsplit=1)
        if not words:
            raise ConfigError(f"{node.tag} without a name", where=where, remedy=f"write {node.tag} NAME")
        if node.tag == "!env":
            return self._variable(node, words[0], words[1] if len(words) > 1 else None, where)
        if node.tag == "!credential":
            return self._credential(node, " ".join(words), where)
        return self._secret(" ".join(words), where)

    def _variable(self, node: yaml.Node, name: str, default: str | None, where: str) -> yaml.Node:
        text = self._environ.get(name, default)
        if text is None:
            raise ConfigError(
                f"!env {name}: no such environment variable",
                where=where,
                remedy=f"set it, or give a default: !env {name} DEFAULT",
            )
        return _plain_scalar(text, node)

    def _credential(self, node: yaml.Node, name: str, where: str) -> yaml.Node:
        what = f"!credential {name}"
        if not _CREDENTIAL.fullmatch(name):
            raise ConfigError(
                f"{what}: no name of a credential", where=where, remedy="use letters, digits, _, - and ."
            )
        folder = self._environ.get(CREDENTIALS, "")
        if not folder:
            raise ConfigError(
                f"{what}: systemd gave us none (${CREDENTIALS} is not set)",
                where=where,
                remedy=f"put LoadCredential={name}:FILE into the unit, or use mqtt.password_file",
            )
        try:
            return _plain_scalar(files.secret_line(Path(folder) / name), node)
        except ConfigError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise ConfigError(f"{what}: {error}", where=where) from error
            raise ConfigError(
                f"{what}: not in {folder}",
                where=where,
                remedy=f"put LoadCredential={name}:FILE into the unit",
            ) from error

    def _secret(self, name: str, where: str) -> yaml.Node:
        if self._secrets is None:
            self._secrets = self._read(where)
        node = self._secrets.get(name)
        if node is None:
            near = difflib.get_close_matches(name, self._secrets, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ConfigError(
                f"!secret {name}: not in {self._path}{hint}",
                where=where,
                remedy=f"add a line {name}: VALUE to it",
            )
        return node

    def _read(self, where: str) -> dict[str, yaml.Node]:
        try:
            root = parse(files.read_private(self._path), self._path)
        except ConfigError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            what = f"!secret needs {self._path}, which does not exist"
            raise ConfigError(what, where=where, remedy="create it, mode 600") from error
        if root is None:
            return {}
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(
                "not a list of secrets", where=f"{self._path}:1", remedy="write lines NAME: VALUE"
            )
        return self._entries(root)

    def _entries(self, root: yaml.MappingNode) -> dict[str, yaml.Node]:
        entries: dict[str, yaml.Node] = {}
        for key, value in root.value:
            where = f"{self._path}:{key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
                raise ConfigError("a secret must be one value", where=where, remedy="write NAME: VALUE")
            if value.tag.startswith("!"):
                raise ConfigError("a secret cannot have a tag", where=where, remedy="put the value in quotes")
            if key.value in entries:
                raise ConfigError(f"{key.value} is there twice", where=where, remedy="remove one")
            entries[key.value] = value
        return entries


def _plain_scalar(text: str, at: yaml.Node) -> yaml.ScalarNode:
    loader = ConfigLoader("")
    try:
        tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    finally:
        loader.dispose()
    return yaml.ScalarNode(tag, text, at.start_mark, at.end_mark)
