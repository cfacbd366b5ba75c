"""The latest hops of the microphone and of its echo, for second thoughts."""

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.frames import HOP_SAMPLES, Samples


class History:
    """Hops, oldest first."""

    def __init__(self, hops: int) -> None:
        """So many hops are kept; before the first one there was silence."""
        self._near = np.zeros((hops, HOP_SAMPLES), np.float32)
        self._echo = np.zeros((hops, HOP_SAMPLES), np.float32)

    def note(self, near: NDArray[np.float32], echo: NDArray[np.float32]) -> None:
        """The next hops of both, shape (m, 240) each."""
        for kept, new in ((self._near, near), (self._echo, echo)):
            kept[: -len(new)] = kept[len(new) :]
            kept[-len(new) :] = new

    def near(self, hops: int) -> Samples:
        """What the microphone heard in the latest hops, shape (240 hops,)."""
        return self._near[-hops:].reshape(-1)

    def echo(self, hops: int) -> Samples:
        """The echo that was taken out of it, shape (240 hops,)."""
        return self._echo[-hops:].reshape(-1)
