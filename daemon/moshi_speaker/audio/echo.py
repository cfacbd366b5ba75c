"""The place of the echo canceller in the path of the microphone."""

from typing import Protocol

from moshi_speaker.audio.frames import Samples


class EchoCanceller(Protocol):
    """Removes from the microphone what the loudspeaker put there; hears every hop, in order."""

    def cancel(self, near: Samples, far: Samples) -> Samples:
        """Clean one hop of the microphone, shape (240,), given the hop that was played, shape (240,)."""

    def reset(self) -> None:
        """Hops were lost: near and far end no longer fit together."""


class NoEchoCanceller:
    """Passes the microphone through, for headphones and until there is a filter."""

    def cancel(self, near: Samples, far: Samples) -> Samples:
        """Give the microphone's hop as it is."""
        return near

    def reset(self) -> None:
        """Nothing to forget."""
