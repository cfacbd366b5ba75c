"""What the settings are made of: the section, and the kinds of values with their bounds."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("a path in a home folder that exists") from error


Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]
Percent = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
DeviceName = Annotated[str, Field(min_length=1)]
Phrase = Annotated[str, Field(min_length=1, max_length=64, pattern=r"\w")]


def _plain_topic(topic: str) -> str:
    if not topic or topic.startswith(("/", "$")) or topic.endswith("/") or set("+#\0") & set(topic):
        raise ValueError("a topic without wildcards (+ #), and without / at its start or end")
    return topic


PlainTopic = Annotated[str, AfterValidator(_plain_topic)]
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
