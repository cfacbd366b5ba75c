"""Events that wait for the broker: one by one out of whatever keeps them, and a place in memory."""

import json
import threading
from collections import deque
from collections.abc import Sequence

from moshi_speaker.events.backlog import Backlog, WaitingEvent
from moshi_speaker.home.payloads import Message

__all__ = ["Backlog", "Feed", "MemoryBacklog", "WaitingEvent", "message"]

LATE_S = 10.0
"""Seconds after which an event that is sent says of itself that it is late."""


def is_late(event: WaitingEvent, now: float) -> bool:
    """Whether it has waited for long at ``now``, in seconds since 1970."""
    return now - event.happened_at > LATE_S


def message(event: WaitingEvent, now: float) -> Message:
    """What is sent of an event at ``now``, in seconds since 1970."""
    payload = event.payload
    if is_late(event, now):
        fields = {**json.loads(payload), "late": True}
        payload = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return Message(event.topic, payload, qos=1, retain=event.retain)


class MemoryBacklog:
    """Keeps them as long as the process lives."""

    def __init__(self, max_events: int) -> None:
        """Beyond ``max_events``, at least 1, the oldest is dropped and counted."""
        self._max_events = max_events
        self._lock = threading.Lock()
        self._waiting: dict[int, WaitingEvent] = {}
        self._dropped = 0

    def put(self, event: WaitingEvent) -> None:
        """Append an event, whose number is higher than those before."""
        with self._lock:
            self._waiting[event.number] = event
            if len(self._waiting) > self._max_events:
                del self._waiting[next(iter(self._waiting))]
                self._dropped += 1

    def after(self, number: int, limit: int) -> Sequence[WaitingEvent]:
        """As the protocol has it."""
        with self._lock:
            return [event for event in self._waiting.values() if event.number > number][:limit]

    def confirm(self, number: int) -> None:
        """As the protocol has it."""
        with self._lock:
            self._waiting.pop(number, None)

    @property
    def dropped(self) -> int:
        """As the protocol has it."""
        return self._dropped


class Feed:
    """The events of a backlog one by one, and again from the oldest one at each new connection.

    Used by the link's thread; only what says so may be called from others. Times are seconds of its clock.
    """

    def __init__(self, backlog: Backlog, batch: int) -> None:
        """``batch`` events are looked at together."""
        self._backlog = backlog
        self._limit = batch
        self._batch: deque[WaitingEvent] = deque()
        self._cursor = 0
        self._news = True
        self._again = False
        self._held_until = float("-inf")

    def notify(self) -> None:
        """There may be something new. From any thread."""
        self._news = True

    def hold(self, until: float) -> None:
        """Give nothing until then, and then begin again. From any thread."""
        self._held_until = until
        self._again = True

    def ready(self, now: float) -> bool:
        """Whether to ask for the next one is worth the while."""
        return now >= self._held_until and (bool(self._batch) or self._news or self._again)

    def wait_s(self, now: float) -> float:
        """Seconds until it gives something again, if it is held."""
        return self._held_until - now if self._held_until > now else float("inf")

    def settle(self) -> None:
        """All that was given is confirmed: look once more, from the beginning.

        A file that could not be read when its turn came has older ones than those that went out meanwhile.
        """
        if self._cursor and not self._batch:
            self._cursor = 0
            self._news = True

    def rewind(self) -> None:
        """Begin again with the oldest one that was not confirmed, now."""
        self._batch.clear()
        self._cursor = 0
        self._news = True
        self._again = False
        self._held_until = float("-inf")

    def next(self) -> WaitingEvent | None:
        """The next event, or None if there is no more for now. May take a moment."""
        if self._again:
            self.rewind()
        if not self._batch:
            self._news = False
            found = self._backlog.after(self._cursor, self._limit)
            self._batch.extend(found)
            if len(found) == self._limit:
                self._news = True
        if not self._batch:
            return None
        event = self._batch.popleft()
        self._cursor = event.number
        return event
