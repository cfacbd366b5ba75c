"""Capture times that do not jitter."""

RESET_SECONDS = 0.25
"""How much later than expected a block must be before sound counts as lost, not as late."""
CREEP = 0.001
"""How much the sound card's second may be longer than the clock's: far above any real card, inaudible."""

AVERAGE = 0.005
"""Part of a playback's deviation by which its time moves: an average over 200 blocks, 4 s."""


class StreamClock:
    """Gives the blocks of a stream evenly spaced times.

    A callback may come late but never early, so the earliest measurement is the best one: time goes on by
    the number of samples, is pulled back by an earlier measurement, and creeps after later ones.
    """

    def __init__(self) -> None:
        self._next: float | None = None

    def stamp(self, measured: float, duration: float, *, lost: bool = False) -> float:
        """Time of a block of ``duration`` seconds that seems to begin at ``measured``.

        ``lost`` says that sound is missing before it.
        """
        at = measured
        if self._next is not None and not lost and measured - self._next < RESET_SECONDS:
            at = min(measured, self._next + CREEP * duration)
        self._next = at + duration
        return at


class PlaybackClock:
    """Gives the blocks of a loudspeaker's stream evenly spaced times.

    A loudspeaker asks for a block early or late, as its buffer has room, and plays on evenly: so time goes
    on by the number of samples, and only the average of many measurements moves it.
    """

    def __init__(self) -> None:
        self._next: float | None = None
        self._blocks = 0

    def stamp(self, measured: float, duration: float, *, lost: bool = False) -> float:
        """Time at which a block of ``duration`` seconds will sound, as it seems to be ``measured``.

        ``lost`` says that the device paused before it.
        """
        at = measured
        if self._next is not None and not lost and abs(measured - self._next) < RESET_SECONDS:
            self._blocks += 1
            at = self._next + (measured - self._next) * max(AVERAGE, 1.0 / (self._blocks + 1))
        else:
            self._blocks = 0
        self._next = at + duration
        return at
