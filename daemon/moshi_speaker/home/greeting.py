"""Whether late events still wait for Home Assistant to be there. Pure: the time is an argument.

A broker that was restarted has us back before it has Home Assistant, which tries every 10 s; and events are
not kept for whoever comes later. Values are, so they never wait.
"""

BIRTH_S = 20.0
"""Seconds that they wait at most after a connection: a Home Assistant that never left does not greet."""


class Greeting:
    """Awaited after each connection that begins with something late; in seconds of any clock."""

    def __init__(self) -> None:
        self._until = float("-inf")

    def connected(self, now: float, *, late: bool) -> None:
        """There is a new connection, and ``late`` events wait, or none."""
        self._until = now + BIRTH_S if late else float("-inf")

    def answered(self) -> None:
        """Home Assistant has greeted, and everything was sent to it."""
        self._until = float("-inf")

    def awaited(self, now: float) -> bool:
        """Whether events still wait."""
        return now < self._until

    def wait_s(self, now: float) -> float:
        """Seconds until they wait no longer."""
        return self._until - now if self.awaited(now) else float("inf")
