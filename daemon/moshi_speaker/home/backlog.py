"""Events that wait for the broker: the seam to whatever keeps them."""

from collections import deque
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

    def __len__(self) -> int:
        """How many wait."""


class MemoryBacklog:
    """Keeps them as long as the process lives. Its owner locks, or uses it from one thread alone."""

    def __init__(self, max_events: int) -> None:
        """Beyond ``max_events``, at least 1, the oldest is dropped and counted."""
        self._max_events = max_events
        self._waiting: deque[WaitingEvent] = deque()
        self.dropped = 0

    def put(self, event: WaitingEvent) -> None:
        """Append an event, whose number is higher than those before."""
        self._waiting.append(event)
        if len(self._waiting) > self._max_events:
            self._waiting.popleft()
            self.dropped += 1

    def after(self, number: int, limit: int) -> Sequence[WaitingEvent]:
        """As the protocol has it."""
        return [event for event in self._waiting if event.number > number][:limit]

    def confirm(self, number: int) -> None:
        """As the protocol has it."""
        self._waiting = deque(event for event in self._waiting if event.number != number)

    def __len__(self) -> int:
        return len(self._waiting)
