"""The echo canceller's place in the path of the microphone: the seam, and the one that does nothing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from moshi_speaker.audio.activity import FLOOR_DBFS
from moshi_speaker.audio.frames import Samples


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A piece of the microphone without what the loudspeaker put there."""

    pcm: Samples
    """Shape (n,), 24 kHz."""
    echo_dbfs: float = FLOOR_DBFS
    """How loud the echo that may be left in it is at most, as an estimate."""
    playing: bool = False
    """Whether there may be an echo: something is played, or was a moment ago."""
    guarded: bool = False
    """Whether a wake word in it may be our own voice, and must be clearer."""
    gated: bool = False
    """Whether Moshi must not hear it, because it would hear itself."""


class Rung(StrEnum):
    """How far the canceller is trusted; published as it is."""

    OPEN = "open"
    """Both sides talk at once."""
    GUARDED = "guarded"
    """The wake word must be clearer, and Moshi is softer."""
    HALF_DUPLEX = "half_duplex"
    """Moshi does not hear while it is heard."""


@dataclass(frozen=True, slots=True)
class EchoState:
    """How an echo canceller fares; None is what is not known."""

    located: bool
    """Whether it is known when the echo comes."""
    reduction_db: float | None
    """How much softer it makes the echo (echo return loss enhancement), a near talker left out."""
    delay_ms: float | None
    """From what is played to its echo."""
    residual_dbfs: float | None
    """How loud what is left of it was when it was heard last."""
    drift_ppm: float | None
    """How much faster the loudspeaker's clock runs than the microphone's, in millionths."""
    audible_s: float
    """Seconds of audible echo since it began to learn."""
    played_s: float
    """Seconds in which something loud enough was played, since then."""
    unfound: bool = False
    """Whether an echo is heard that is not located."""


class EchoCanceller(Protocol):
    """Removes from the microphone what the loudspeaker put there. Belongs to one thread."""

    def clean(self, near: Samples, at: float) -> Cleaned:
        """Clean what the microphone heard from time ``at`` on, shape (n,) with n a multiple of 240."""


class NoEchoCanceller:
    """Passes the microphone through, for headphones and devices that cancel echo themselves."""

    def clean(self, near: Samples, at: float) -> Cleaned:
        """Give the sound as it is."""
        return Cleaned(near)
