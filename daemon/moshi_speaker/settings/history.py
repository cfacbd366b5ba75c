"""What is kept of what was said and done."""

from typing import Annotated, Literal

from pydantic import Field

from moshi_speaker.settings.types import Section


class HistorySettings(Section):
    """What is kept on this machine of what was said and done."""

    keep_days: Annotated[int, Field(ge=1, le=36_500)] | Literal["off"] = 30
    """Days after which conversations, words and events are deleted from history.sqlite3 in state_dir.
    off: nothing is ever written there, and what the broker has not got yet is lost at a restart."""
    max_megabytes: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Size of the file at most; beyond it the oldest conversations go first."""
