"""Events that wait for the broker: the seam between whatever keeps them and whatever sends them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event on its way to the broker."""

    number: int
    """Rises with each event, also over a restart."""
    topic: str
    payload: str
    """JSON with the keys ``event_id`` and ``late``."""
    retain: bool
    """The broker keeps it as the current value of its topic."""
    happened_at: float
    """Seconds since 1970."""


class Backlog(Protocol):
    """Keeps events in order until the broker has confirmed them. Called from any thread; never raises."""

    def after(self, number: int, limit: int) -> Sequence[WaitingEvent]:
        """At most ``limit`` of those that wait with a higher number, the oldest first."""

    def confirm(self, number: int) -> None:
        """The broker has it: it need not be kept any more. Returns at once."""

    @property
    def dropped(self) -> int:
        """Events that were given up since the start, because too many waited."""
