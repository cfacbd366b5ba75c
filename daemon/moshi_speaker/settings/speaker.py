"""Who this speaker is, and what it keeps."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from moshi_speaker.settings.types import Identifier, Section, UserPath


class SpeakerSettings(Section):
    """Who this speaker is."""

    id: Identifier | None = None
    """Identity in MQTT topics: letters, digits, _ and -. Empty: made once and kept in state_dir."""
    name: Annotated[str, Field(min_length=1, max_length=64)] = "Moshi speaker"
    """What people call it."""
    state_dir: UserPath = Path("~/.local/state/moshi-speaker")
    """Where the speaker keeps what it must remember."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much the log says: debug, info, warning or error. Words that are spoken appear at debug only."""
