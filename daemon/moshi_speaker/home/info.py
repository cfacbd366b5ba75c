"""What the speaker says of itself: versions, machine, and how it is set, without its secrets."""

import json
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, SecretStr

from moshi_speaker import __version__
from moshi_speaker.events import Json
from moshi_speaker.home.payloads import Message
from moshi_speaker.home.topics import Topics
from moshi_speaker.settings import Settings

_CREDENTIALS = re.compile(r"://(?:[^\s/?#]*|[^\s/:@]*:\S*)@")
"""A user name, maybe with a password, in a URL; rather too much of it than too little."""


@dataclass(frozen=True, slots=True)
class Info:
    """What may change while the speaker runs."""

    settings: Settings
    """Those that hold now."""
    wake_words: tuple[str, ...]
    """Names of those that are listened for."""
    live_settings: tuple[str, ...]
    """Settings that may change while the speaker runs, dotted."""
    restart_required: tuple[str, ...]
    """Settings that have another value in the file, which holds after a restart."""


def info(topics: Topics, info: Info, *, instance: str, hardware: str) -> Message:
    """The retained message; ``instance`` is that of the process, ``hardware`` what the machine is called."""
    payload: Json = {
        "version": __version__,
        "instance": instance,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": hardware,
        "model": without_credentials(info.settings.model.source),
        "wake_words": info.wake_words,
        "live_settings": info.live_settings,
        "restart_required": info.restart_required,
        "settings": without_secrets(info.settings),
        "settings_schema": _schema(),
    }
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Message(topics.info, text, qos=1, retain=True)


def prepare() -> None:
    """Look up what does not change, and takes a while the first time; from any thread."""
    platform.platform()
    _schema()


def without_secrets(section: BaseModel) -> dict[str, Json]:
    """The section's values as JSON; a setting that may be a secret is left out, even where it is empty."""
    return dict(_public(section))


def without_credentials(text: str) -> str:
    """The text without the user names and passwords of the URLs in it."""
    return _CREDENTIALS.sub("://", text)


def _public(section: BaseModel) -> Iterator[tuple[str, Json]]:
    for name, field in type(section).model_fields.items():
        if SecretStr not in (field.annotation, *get_args(field.annotation)):
            yield name, _value(getattr(section, name))


def _value(value: object) -> Json:
    match value:
        case BaseModel():
            return without_secrets(value)
        case tuple():
            return [_value(one) for one in value]
        case str() | Path():
            return without_credentials(str(value))
        case bool() | int() | float() | None:
            return value
    raise TypeError(f"no setting is a {type(value).__name__}")  # a secret in a form that is not known here


@cache
def _schema() -> Json:
    return Settings.model_json_schema()
