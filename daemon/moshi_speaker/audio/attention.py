"""Voice activity that costs nothing while nobody wants to know it."""

from collections import deque

from moshi_speaker.audio.activity import VoiceActivity
from moshi_speaker.audio.frames import Samples

MEMORY_PIECES = 6
"""Pieces of sound that are kept unjudged; in pieces of a frame half a second, which is more than a detector
needs to find its way, and less than the end of a wake word is late."""


class AttentiveActivity:
    """A detector that judges while it attends, and else keeps the latest pieces to judge them later.

    ``attending`` may be set from any thread; all else belongs to one thread.
    """

    def __init__(self, activity: VoiceActivity) -> None:
        """Takes over the detector."""
        self._activity = activity
        self._unjudged: deque[Samples] = deque(maxlen=MEMORY_PIECES)
        self.attending = False
        """Whether somebody wants to know."""

    def feed(self, samples: Samples) -> float:
        """Take the next piece, shape (n,) at 16 kHz, and give the probability of speech; 0 if inattentive."""
        if not self.attending:
            self._unjudged.append(samples)
            return 0.0
        self.catch_up()
        return self._activity.feed(samples)

    def catch_up(self) -> list[float]:
        """Attend, and give the judgements of the latest pieces that had none, oldest first."""
        self.attending = True
        pieces = tuple(self._unjudged)
        self._unjudged.clear()
        if pieces:
            self._activity.reset()
        return [self._activity.feed(piece) for piece in pieces]

    def reset(self) -> None:
        """Begin a new stream."""
        self._unjudged.clear()
        self._activity.reset()
