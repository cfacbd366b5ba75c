"""The configuration file: YAML with its tags in, Settings out, every error with its file and line."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr, ValidationError

from moshi_speaker.configfile import files
from moshi_speaker.configfile.document import read
from moshi_speaker.configfile.reader import SettingsReader
from moshi_speaker.errors import ConfigError
from moshi_speaker.settings import Settings


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the configuration is looked for when no path is given. Raises ConfigError."""
    base = Path(environ.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():  # the XDG base directory specification: ignore relative ones
        try:
            base = Path.home() / ".config"
        except RuntimeError as error:
            what, remedy = "this user has no home folder", "set HOME, or give --config FILE"
            raise ConfigError(what, remedy=remedy) from error
    return base / "moshi-speaker" / "config.yaml"


def found(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file that ``load`` reads, or None if there is none; to be read again, it must not be gone then."""
    if path is None and (default := default_path(environ)).exists():
        return default
    return path


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the file at ``path``; without a path from the default one, if it is there.

    The password of ``mqtt.password_file`` is read now, too, and is ``mqtt.password`` in what is given back.
    Raises ConfigError for the first thing that is wrong; its notes are the further ones, one line each.
    """
    given, path = path is not None, path or default_path(environ)
    try:
        root, exposed = read(path)
    except ConfigError as error:
        if given or not isinstance(error.__cause__, FileNotFoundError):
            raise
        return _defaults()
    if root is None:
        return _defaults()
    reader = SettingsReader(path.absolute(), Settings.model_json_schema(), environ, exposed)
    values = reader.settings(root)
    _refuse(reader.problems)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        _refuse(reader.explain(error))
        raise
    return _with_password(settings, reader)


def _defaults() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        what, remedy = "this user has no home folder for speaker.state_dir", "set HOME, or speaker.state_dir"
        raise ConfigError(what, remedy=remedy) from error


def _with_password(settings: Settings, reader: SettingsReader) -> Settings:
    """The settings with the password of ``mqtt.password_file``, if there is such a file."""
    mqtt = settings.mqtt
    if mqtt.password_file is None:
        return settings
    try:
        password = files.secret_line(mqtt.password_file)
    except ConfigError as error:
        where = reader.where(("mqtt", "password_file"))
        raise ConfigError(f"mqtt.password_file: {error}", where=where) from error
    known = mqtt.model_copy(update={"password": SecretStr(password)})
    return settings.model_copy(update={"mqtt": known})


def _refuse(problems: list[ConfigError]) -> None:
    if not problems:
        return
    first, *others = problems
    for other in others:
        first.add_note(str(other))
    raise first
