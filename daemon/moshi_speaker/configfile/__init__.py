"""The configuration file: YAML with !secret and !env in, Settings out, every error with its file and line."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from moshi_speaker.configfile.document import read
from moshi_speaker.configfile.reader import SettingsReader
from moshi_speaker.errors import ConfigError
from moshi_speaker.settings import Settings


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the configuration is looked for when no path is given."""
    base = Path(environ.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():  # the XDG base directory specification: ignore relative ones
        base = Path.home() / ".config"
    return base / "moshi-speaker" / "config.yaml"


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the file at ``path``; without a path from the default one, if it is there.

    Raises ConfigError for the first thing that is wrong; its notes are the further ones, one line each.
    """
    given, path = path is not None, path or default_path(environ)
    try:
        root = read(path)
    except ConfigError as error:
        if given or not isinstance(error.__cause__, FileNotFoundError):
            raise
        return Settings()
    if root is None:
        return Settings()
    reader = SettingsReader(path.absolute(), Settings.model_json_schema(), environ)
    values = reader.settings(root)
    _refuse(reader.problems)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        _refuse(reader.explain(error))
        raise


def _refuse(problems: list[ConfigError]) -> None:
    if not problems:
        return
    first, *others = problems
    for other in others:
        first.add_note(str(other))
    raise first
