"""What the speaker knows of an engine: sound in, sound and text out, frame by frame."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FRAME_MS = 80.0
"""Milliseconds that one frame lasts."""


def realtime_factor(frame_ms: float) -> float:
    """Time of computing over time of sound, for a frame that takes so many milliseconds."""
    return frame_ms / FRAME_MS


@dataclass(frozen=True, slots=True)
class Memory:
    """What the model's process holds, in bytes."""

    active_bytes: int = 0
    """In use: weights, state, and what is being computed."""
    peak_bytes: int = 0
    """The most that was in use at once."""
    cache_bytes: int = 0
    """Freed, and kept for the next frame."""

    @property
    def held_bytes(self) -> int:
        """All that other programs cannot have."""
        return self.active_bytes + self.cache_bytes


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says of itself when it is ready."""

    model: str
    """Repo id or folder of the model."""
    load_s: float
    """Seconds from the start of the process to readiness."""
    frame_ms: float
    """Milliseconds that one frame took in the benchmark at the start, as a median."""
    memory: Memory = Memory()
    blas: str = ""
    """Which library multiplies matrices, in words; empty if unknown."""
    problem: str = ""
    """Why this model is too slow for this machine, in one line; empty when it is not."""
    replaces: str = ""
    """The model that was asked for, and too slow; empty when it is this one."""

    @property
    def realtime_factor(self) -> float:
        """Time of computing over time of sound; below 1 it keeps up."""
        return realtime_factor(self.frame_ms)

    @property
    def frames_per_s(self) -> float:
        """Frames that it could compute in a second; 12.5 come."""
        return 1_000.0 / self.frame_ms if self.frame_ms else 0.0


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
    latency_ms: float = 0.0
    """From the moment at which the frame was fed to that of its answer, waiting included."""


Status = Callable[[str], None]
"""Told, in one line, what the start of an engine is busy with."""


class Engine(Protocol):
    """One life of a model: started once, many sessions, closed once. Used from the event loop only."""

    async def start(self) -> EngineInfo:
        """Load and warm up. Raises CheckpointError, EngineError, or TooSlowError, which is one."""

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

    @property
    def memory(self) -> Memory:
        """What the model held when it was last heard of; never older than the last session."""
