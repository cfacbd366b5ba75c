"""What the settings are made of: the section, and the kinds of values with their bounds."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("a path in a home folder that exists") from error


Identifier = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=64, json_schema_extra={"format": "identifier"})
]
Percent = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
DeviceName = Annotated[str, Field(min_length=1)]
Phrase = Annotated[str, Field(min_length=1, max_length=64, pattern=r"\w")]


def _plain_topic(topic: str) -> str:
    if not topic or topic.startswith(("/", "$")) or topic.endswith("/") or set("+#\0") & set(topic):
        raise ValueError("a topic without wildcards (+ #), without / or $ at its start and / at its end")
    return topic


def _host_name(name: str) -> str:
    one_colon = name.count(":") == 1  # as before a port; an IPv6 address has two or more
    if not name or one_colon or set("/@[]") & set(name) or name.split() != [name]:
        raise ValueError("a name or an address alone, such as homeassistant.local, without mqtt:// and port")
    return name


HostName = Annotated[str, Field(max_length=253), AfterValidator(_host_name)]
PlainTopic = Annotated[str, Field(max_length=200), AfterValidator(_plain_topic)]
"""A part of a topic; the whole may have 65,535 bytes."""
MAX_CREDENTIAL = 4096
"""Characters of a user name or a password; MQTT has room for 65,535 bytes of each."""
UserPath = Annotated[Path, AfterValidator(_at_home)]
"""A path whose ``~`` is expanded."""
NameOrPath = Annotated[str, Field(min_length=1, json_schema_extra={"format": "name-or-path"})]
"""A name, or a path when it begins with ``~/``, ``./`` or ``../``, or names a model file."""
Threshold = Annotated[float, Field(gt=0, le=1)]
MODEL_FILES = (".tflite", ".onnx")
"""Suffixes of the files that hold a wake word's model."""


class Section(BaseModel):
    """A group of settings: frozen, and strict about names and types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )
