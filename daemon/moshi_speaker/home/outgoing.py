"""What is still to be sent, and the current value of every retained topic."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

from moshi_speaker.home.payloads import Message


class Outgoing:
    """The queue in front of a broker that may be away. Not thread-safe: its owner locks.

    Two rules bound it. Of a retained topic only the newest value waits. Everything else is of a kind, and
    of each kind only so many wait: beyond it the oldest of that kind is dropped and counted.
    """

    def __init__(self, kind: Callable[[str], str], bounds: dict[str, int]) -> None:
        """``kind`` of a topic is one of ``bounds``, each of at least 1."""
        self._kind = kind
        self._bounds = bounds
        self._current: dict[str, Message] = {}
        self._count = 0
        self._waiting: OrderedDict[int, Message] = OrderedDict()
        self._values: dict[str, int] = {}
        """Where the value of a topic waits."""
        self._passing: dict[str, OrderedDict[int, None]] = {kind: OrderedDict() for kind in bounds}
        """Where those of a kind wait."""
        self.dropped: Counter[str] = Counter()
        """How many of each kind were dropped since the start."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: Message) -> str | None:
        """Append a message; a retained one takes the place of an older value that still waits.

        A retained one without a payload makes the broker forget its topic.
        The kind of what was dropped in its favour, or None.
        """
        if message.retain:
            self._current[message.topic] = message
        return self._append(message)

    def take(self) -> Message | None:
        """The next message to send, or None."""
        if not self._waiting:
            return None
        position, message = self._waiting.popitem(last=False)
        if message.retain:
            del self._values[message.topic]
        else:
            del self._passing[self._kind(message.topic)][position]
        return message

    def repeat(self) -> None:
        """Send every current value again, before all else that waits. What was to be forgotten, is."""
        self._begin_again(message for message in self._current.values() if message.payload)

    def renew(self, unanswered: Iterable[Message] = ()) -> None:
        """Begin again after a lost connection: every current value, then what waits.

        ``unanswered`` are messages that the last connection took without an answer, oldest first; those that
        are not values are sent again, so that they arrive at least once.
        """
        self._begin_again((*self._current.values(), *(one for one in unanswered if not one.retain)))

    def withdraw(self, topic: str) -> None:
        """Have no value of this topic any more."""
        self._current.pop(topic, None)
        self._forget(topic)

    def _begin_again(self, first: Iterable[Message]) -> None:
        messages = [*first, *(message for message in self._waiting.values() if not message.retain)]
        self._waiting.clear()
        self._values.clear()
        for positions in self._passing.values():
            positions.clear()
        for message in messages:
            self._append(message)

    def _append(self, message: Message) -> str | None:
        self._count += 1
        if message.retain:
            self._forget(message.topic)
            self._values[message.topic] = self._count
            self._waiting[self._count] = message
            return None
        kind = self._kind(message.topic)
        self._passing[kind][self._count] = None
        self._waiting[self._count] = message
        if len(self._passing[kind]) <= self._bounds[kind]:
            return None
        oldest, _ = self._passing[kind].popitem(last=False)
        del self._waiting[oldest]
        self.dropped[kind] += 1
        return kind

    def _forget(self, topic: str) -> None:
        position = self._values.pop(topic, None)
        if position is not None:
            del self._waiting[position]
