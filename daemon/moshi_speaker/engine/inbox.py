"""Messages between the thread that reads the pipe and the thread that works.

The rule when full: the reader waits, and with it, through the pipe, the speaker. Frames alone never fill it,
for the speaker sends only a few ahead.
"""

from collections import deque
from threading import Condition

from moshi_speaker.engine.messages import End, Frame, Message

CAPACITY = 64
"""Messages; many times what the speaker sends ahead."""


class Inbox:
    """A bounded queue in which the end of a session overtakes its frames."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._queue: deque[tuple[Message, float]] = deque()
        self._changed = Condition()
        self._closed = False

    def put(self, message: Message, now: float) -> None:
        """Add a message that arrived at ``now`` (seconds); waits while the queue is full."""
        with self._changed:
            if isinstance(message, End):
                self._drop_frames(message.session)
            self._changed.wait_for(lambda: len(self._queue) < self._capacity or self._closed)
            self._queue.append((message, now))
            self._changed.notify_all()

    def take(self) -> tuple[Message, float] | None:
        """The next message and its time of arrival, in seconds; waits for it. None once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            if self._closed:
                return None
            self._changed.notify_all()
            return self._queue.popleft()

    def close(self) -> None:
        """No more work: what still waits is dropped."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify_all()

    def _drop_frames(self, session: int) -> None:
        kept = [
            (message, now)
            for message, now in self._queue
            if not (isinstance(message, Frame) and message.session == session)
        ]
        self._queue = deque(kept)
