"""What the speaker and the engine process say to each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.engine.interface import EngineInfo, Memory, Timings
from moshi_speaker.settings import EngineSettings, ModelSettings

# --- From the speaker to the engine process -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Configure:
    """Load this model and see whether it is fast enough; the first message, sent once."""

    model: ModelSettings
    engine: EngineSettings


@dataclass(frozen=True, slots=True)
class Begin:
    """Open a session with fresh state."""

    session: int


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of the user's sound."""

    session: int
    sequence: int
    """Number of the frame within the session, from 0; a gap is a dropped frame."""
    sound: NDArray[np.float32]
    """Shape (1920,), 24 kHz."""


@dataclass(frozen=True, slots=True)
class End:
    """Close the session; its frames that still wait are dropped without an answer."""

    session: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a Pong once all that was sent before is worked off."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Close:
    """Exit in order."""


# --- From the engine process to the speaker -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """What the start is busy with."""

    text: str
    """One line for the user."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded and warm."""

    info: EngineInfo


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one frame brought."""

    session: int
    sequence: int
    """That of the frame."""
    audio: NDArray[np.float32] | None
    """Moshi's voice, shape (1920,), or None while the delays fill."""
    text: str
    """The text that this step added, often empty."""
    silent: bool
    """The text token was padding."""
    timings: Timings


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to the Ping of the same number."""

    sequence: int
    memory: Memory
    """What the model holds."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The last message of an engine process that gives up."""

    error: str
    """Name of the class of the error, one of ``failures.ERRORS``."""
    what: str
    """What is wrong."""
    where: str = ""
    """Where it is; may be empty."""
    remedy: str = ""
    """What to do; may be empty."""


Message = Configure | Begin | Frame | End | Ping | Close | Status | Ready | Answer | Pong | Failed
