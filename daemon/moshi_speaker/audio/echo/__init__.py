"""The echo canceller's place in the path of the microphone: the seam, and the one that does nothing."""

from dataclasses import dataclass
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


class EchoCanceller(Protocol):
    """Removes from the microphone what the loudspeaker put there. Belongs to one thread."""

    def clean(self, near: Samples, at: float) -> Cleaned:
        """Clean what the microphone heard from time ``at`` on, shape (n,) with n a multiple of 240."""


class NoEchoCanceller:
    """Passes the microphone through, for headphones and devices that cancel echo themselves."""

    def clean(self, near: Samples, at: float) -> Cleaned:
        """Give the sound as it is."""
        return Cleaned(near)
