"""The tags of the configuration: ``!secret name``, ``!env NAME`` and ``!env NAME default``."""

import difflib
import logging
import stat
from collections.abc import Mapping
from pathlib import Path

import yaml

from moshi_speaker.configfile.document import ConfigLoader, read
from moshi_speaker.errors import ConfigError

logger = logging.getLogger(__name__)

SECRETS_FILE = "secrets.yaml"
"""Lies beside the configuration file."""


class Tags:
    """Puts the value in the place of the tag."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """``folder`` is where the configuration lies; ``environ`` is asked for ``!env``."""
        self._path = folder / SECRETS_FILE
        self._environ = environ
        self._secrets: dict[str, yaml.Node] | None = None

    def resolve(self, node: yaml.Node, where: str) -> yaml.Node:
        """The node that a local tag stands for; any other node as it is. Raises ConfigError."""
        if not node.tag.startswith("!"):
            return node
        if not isinstance(node, yaml.ScalarNode) or node.tag not in ("!secret", "!env"):
            raise ConfigError(
                "unknown tag", where=where, remedy="use !secret NAME or !env NAME, or quote the text"
            )
        words = node.value.split(maxsplit=1)
        if not words:
            raise ConfigError(f"{node.tag} without a name", where=where, remedy=f"write {node.tag} NAME")
        if node.tag == "!env":
            return self._variable(node, words[0], words[1] if len(words) > 1 else None, where)
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
            root = read(self._path)
        except ConfigError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            what = f"!secret needs {self._path}, which does not exist"
            raise ConfigError(what, where=where, remedy="create it, mode 600") from error
        if self._path.stat().st_mode & stat.S_IROTH:
            logger.warning("%s can be read by every user of this machine; chmod 600 it", self._path)
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
