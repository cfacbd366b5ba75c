"""When values are sent again though the connection is still the same."""

import random
from collections.abc import Callable
from enum import Enum, auto

JITTER_S = 3.0
"""Seconds after a birth message within which everything is sent again: a house may have several speakers."""
REST_S = 5.0
"""Seconds at least between two such times."""
REFRESH_S = 300.0
"""Seconds after which ``online`` is said again: whoever believes something else has missed something."""


class Repeat(Enum):
    """What is to be sent again."""

    ALL = auto()
    AVAILABILITY = auto()


class Repeats:
    """Home Assistant was started, somebody said that we were offline, or time has passed.

    Every ``now`` is in seconds of the link's clock.
    """

    def __init__(self, draw: Callable[[float, float], float] = random.uniform) -> None:
        """``draw`` gives a number between two."""
        self._draw = draw
        self._all_sent = float("-inf")
        self._all_due = float("inf")
        self._online_sent = float("-inf")
        self._online_due = float("inf")

    def connected(self, now: float) -> None:
        """A new connection: everything is sent there anyway."""
        self._sent_all(now)

    def born(self, now: float) -> None:
        """Home Assistant was started. One that is started again before its turn gets everything once."""
        if self._all_due == float("inf"):
            self._all_due = max(now + self._draw(0.0, JITTER_S), self._all_sent + REST_S)

    def denied(self, now: float) -> None:
        """Somebody said in our name that we were offline: the last will of a connection that we lost, or a
        second speaker with our id that was stopped. Then other values may be that one's, too."""
        self._all_due = min(self._all_due, max(now, self._all_sent + REST_S))

    def wait_s(self, now: float) -> float:
        """Seconds until something is due."""
        return max(0.0, min(self._all_due, self._online_due) - now)

    def take(self, now: float) -> Repeat | None:
        """What is due, if anything is; it counts as sent."""
        if now >= self._all_due:
            self._sent_all(now)
            return Repeat.ALL
        if now >= self._online_due:
            self._sent_online(now)
            return Repeat.AVAILABILITY
        return None

    def _sent_all(self, now: float) -> None:
        self._all_sent, self._all_due = now, float("inf")
        self._sent_online(now)

    def _sent_online(self, now: float) -> None:
        self._online_sent, self._online_due = now, now + REFRESH_S
