"""What the speaker knows of an engine: sound in, sound and text out, frame by frame."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself when it is ready."""

    model: str
    """Repo id or folder of the model."""
    load_s: float
    """Seconds from the start of the process to readiness."""
    frame_ms: float
    """Milliseconds that one frame took at the end of the warm-up."""
    memory_bytes: int
    """Memory that MLX holds, in bytes."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of one frame went, in milliseconds."""

    queued_ms: float
    """From the arrival of the frame at the engine to the start of its work."""
    compute_ms: float
    """Encoding, the step of the language model and decoding together."""


@dataclass(frozen=True, slots=True)
class AnsweredFrame:
    """Moshi's answer to one frame of the user."""

    session: int
    sequence: int
    """Number of the user's frame within the session, from 0."""
    audio: NDArray[np.float32] | None
    """Moshi's voice, shape (1920,), or None while the first frames fill the delays."""
    text: str
    """The text that this step added, often empty."""
    silent: bool
    """The text token of this step was padding: nothing to say."""
    timings: Timings
    backlog: int
    """Frames that were sent but not yet answered when this answer arrived."""


Status = Callable[[str], None]
"""Told, in one line, what the start of an engine is busy with."""


class Engine(Protocol):
    """One life of a model: started once, many sessions, closed once. Used from the event loop only."""

    async def start(self) -> EngineInfo:
        """Load and warm up. Raises CheckpointError or EngineError."""

    def begin(self, session: int) -> None:
        """Open a session with fresh state; frames fed from now on belong to it.

        A number is used once in the life of an engine: it tells late answers from those that count.
        """

    def feed(self, frame: NDArray[np.float32]) -> None:
        """Send one frame, shape (1920,), of the open session; without a session it is ignored."""

    def end(self) -> None:
        """Close the open session, if any; answers still under way are dropped."""

    def frames(self) -> AsyncIterator[AnsweredFrame]:
        """The answers of open sessions as they come. Raises EngineError when the engine is lost."""

    async def close(self) -> None:
        """Stop the engine in order, or by force after a moment. May be called twice."""

    @property
    def dropped_frames(self) -> int:
        """User frames dropped because the engine was too far behind, since its start."""
