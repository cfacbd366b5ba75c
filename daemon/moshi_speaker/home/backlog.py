"""Events that wait for the broker, kept in memory."""

from collections import deque
from collections.abc import Sequence

from moshi_speaker.events.backlog import Backlog, WaitingEvent

__all__ = ["Backlog", "MemoryBacklog", "WaitingEvent"]


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
