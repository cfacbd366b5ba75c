"""Words of which there are few: states, reasons, sounds."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

Value = str | int | float | bool | list[str] | None
"""What a setting may be, as JSON has it."""
Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]
"""What JSON can say."""
Transaction = str | int | None
"""By which whoever asked knows the answer; it is given back as it came."""


class State(StrEnum):
    """What the speaker is doing; published as it is."""

    STARTING = "starting"
    LOADING = "loading"
    IDLE = "idle"
    CONVERSATION = "conversation"
    MUTED = "muted"
    ERROR = "error"
    STOPPING = "stopping"


class EndReason(StrEnum):
    """Why a conversation ended; published as it is."""

    SILENCE = "silence"
    STOP = "stop"
    MUTE = "mute"
    GOODBYE = "goodbye"
    CAP = "cap"
    NO_SPEECH = "no_speech"
    LAG = "lag"
    ENGINE_LOST = "engine_lost"
    DEVICE_LOST = "device_lost"
    SHUTDOWN = "shutdown"


class Side(StrEnum):
    """Who said something; part of the topic."""

    USER = "user"
    ASSISTANT = "assistant"


class ProblemSource(StrEnum):
    """Who knows of a problem, and when it is over."""

    SPEAKER = "speaker"
    """What keeps it from talking."""
    HISTORY = "history"
    """What keeps it from remembering."""
    IDENTITY = "identity"
    """Another speaker with the same id."""


class Earcon(StrEnum):
    """The short sounds the speaker makes by itself."""

    WAKE = "wake"
    END = "end"
    ERROR = "error"
    MUTE = "mute"
    UNMUTE = "unmute"
