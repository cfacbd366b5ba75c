"""The wake words."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from moshi_speaker.settings.types import MODEL_FILES, NameOrPath, Section, Threshold


class WakeWord(Section):
    """One wake word."""

    model_config = ConfigDict(json_schema_extra={"short_for": "model"})

    model: NameOrPath
    """Name of a bundled model, or a path to a model file."""
    threshold: Threshold | None = None
    """Score from which a chunk counts as this word. Empty: that of all words."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, given: object) -> object:
        return {"model": given} if isinstance(given, str) else given

    @property
    def path(self) -> Path | None:
        """The file that the model means, or None when it is the name of a bundled model."""
        path = Path(self.model).expanduser()
        return path if "/" in self.model or path.suffix in MODEL_FILES else None

    @property
    def name(self) -> str:
        """The word as it is published: the bundled model's name, or the file's without its suffix."""
        return self.model if self.path is None else self.path.stem


class WakeSettings(Section):
    """The wake word."""

    enabled: bool = True
    """Listen for the wake word. Without it, only MQTT starts a conversation."""
    engine: Literal["auto", "openwakeword", "pyopen_wakeword"] = "auto"
    """Which library detects it: openwakeword, pyopen_wakeword, or auto for the one that is installed."""
    words: Annotated[
        tuple[WakeWord, ...],
        Field(
            min_length=1,
            max_length=8,
            examples=["[hey_jarvis, {model: alexa, threshold: 0.7}]"],
            json_schema_extra={"formerly": "model"},
        ),
    ] = (WakeWord(model="hey_jarvis"),)
    """Wake words, one to eight: each a bundled model (hey_jarvis, alexa, hey_mycroft, okay_nabu,
    hey_rhasspy) or a path to a .tflite or .onnx file; {model: alexa, threshold: 0.7} gives one a threshold
    of its own."""
    threshold: Threshold = 0.5
    """Score from which a chunk of 80 ms counts as the wake word."""
    patience: Annotated[int, Field(ge=1, le=20)] = 2
    """How many chunks in a row must reach the threshold."""
    refractory_s: Annotated[float, Field(ge=0, le=60)] = 2.0
    """Seconds after a detection in which there is no other, of whichever word."""
    guarded_threshold: Threshold = 0.8
    """The least threshold while the speaker plays and its echo is badly cancelled; of the stop phrase,
    too."""
    keep_clip: bool = False
    """Keep the latest 3 seconds up to a detection as last-wake.wav in state_dir, to find out what woke it.
    Without this nothing that is heard is ever written."""

    @field_validator("words")
    @classmethod
    def _each_once(cls, words: tuple[WakeWord, ...]) -> tuple[WakeWord, ...]:
        (name, times), *_ = Counter(word.name for word in words).most_common(1)
        if times > 1:
            raise ValueError(f"every wake word once: {name} is there {times} times")
        return words
