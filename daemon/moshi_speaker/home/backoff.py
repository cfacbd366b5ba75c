"""How long to wait before the next try."""

import random
from collections.abc import Callable


class Backoff:
    """Delays that double up to a cap, each with jitter, so that a house full of speakers spreads out."""

    def __init__(
        self, first_s: float, cap_s: float, draw: Callable[[float, float], float] = random.uniform
    ) -> None:
        """``first_s`` and ``cap_s`` are the longest first and the longest delay, in seconds."""
        self._first_s = first_s
        self._cap_s = cap_s
        self._draw = draw
        self._next_s = first_s

    def next(self) -> float:
        """Seconds to wait now: between half of the current delay and the whole of it."""
        delay = self._draw(self._next_s / 2, self._next_s)
        self._next_s = min(self._next_s * 2, self._cap_s)
        return delay

    def reset(self) -> None:
        """Begin again with the first delay."""
        self._next_s = self._first_s
