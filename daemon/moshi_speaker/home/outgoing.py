"""What is still to be sent, and the current value of every retained topic."""

from collections import deque
from collections.abc import Iterable

from moshi_speaker.home.payloads import Message


class Outgoing:
    """The queue in front of a broker that may be away. Not thread-safe: its owner locks.

    Two rules bound it. Of a retained topic only the newest value waits, and of events at most
    ``max_events`` wait: beyond it the oldest is dropped and counted.
    """

    def __init__(self, max_events: int) -> None:
        """``max_events`` of at least 1."""
        self._max_events = max_events
        self._current: dict[str, Message] = {}
        self._waiting: deque[Message] = deque()
        self.dropped = 0
        """Events that were dropped since the start."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> None:
        """Append a message; a retained one takes the place of an older value that still waits."""
        if message.retain:
            self._current[message.topic] = message
            self._forget(message.topic)
        self._waiting.append(message)
        self._bound()

    def take(self) -> Message | None:
        """The next message to send, or None."""
        return self._waiting.popleft() if self._waiting else None

    def renew(self, unanswered: Iterable[Message] = ()) -> None:
        """Begin again after a lost connection: every current value, then the events that wait.

        ``unanswered`` are messages that the last connection took without an answer, oldest first; events
        among them are sent again, so that an event arrives at least once.
        """
        events = [message for message in (*unanswered, *self._waiting) if not message.retain]
        self._waiting = deque((*self._current.values(), *events))
        self._bound()

    def _forget(self, topic: str) -> None:
        self._waiting = deque(m for m in self._waiting if not (m.retain and m.topic == topic))

    def _bound(self) -> None:
        events = [message for message in self._waiting if not message.retain]
        for oldest in events[: max(0, len(events) - self._max_events)]:
            self._waiting.remove(oldest)
            self.dropped += 1
