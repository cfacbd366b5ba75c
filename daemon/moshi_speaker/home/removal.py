"""What a speaker has left at its broker, found and taken away."""

import secrets
import threading
from collections.abc import Sequence

from moshi_speaker.errors import MissingPartError
from moshi_speaker.home.listener import Listener
from moshi_speaker.home.topics import Topics, discovery
from moshi_speaker.settings import MqttSettings

QUIET_S = 1.5
"""Seconds without a further message after which the broker has sent all that it keeps."""
CLEAR_S = 5.0
"""Seconds for the broker to forget it."""

SETTLE_S = 1.0
"""Seconds for Home Assistant to take its entities away, of which nobody is told."""


class Remains:
    """A visit at the broker: look, and maybe clear. A context manager, which blocks for some seconds."""

    def __init__(self, mqtt: MqttSettings, device_id: str) -> None:
        """Raises ConfigError for an unusable TLS file."""
        root = Topics(mqtt.base_topic, device_id).root
        self._discovery = discovery(mqtt.discovery.prefix, device_id)
        self._filters = (f"{root}/#", self._discovery)
        self._changed = threading.Condition()
        self._kept: dict[str, None] = {}
        self._forgotten: set[str] = set()
        self._fresh = False
        self._error: MissingPartError | None = None
        # Not the speaker's own id: it may be there in spite of all.
        name = f"moshi-speaker-visitor-{secrets.token_hex(4)}"
        self._listener = Listener(mqtt, name, self._hear, self._end)

    def __enter__(self) -> "Remains":
        """Connect, and look. Raises MissingPartError."""
        self._listener.open(*self._filters)
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._listener.close()

    def find(self) -> tuple[str, ...]:
        """The topics on which the broker keeps something of this speaker. Raises MissingPartError."""
        with self._changed:
            while self._changed.wait_for(lambda: self._fresh or self._error is not None, QUIET_S):
                self._require_link()
                self._fresh = False
            return tuple(self._kept)

    def clear(self, topics: Sequence[str]) -> Sequence[str]:
        """Have the broker forget them; those that it keeps nevertheless. Raises MissingPartError.

        Discovery goes first: an entity that is still there would complain of its empty values.
        """
        entities = [topic for topic in topics if topic == self._discovery]
        values = [topic for topic in topics if topic != self._discovery]
        left = self._forget(entities)
        if entities and values:
            with self._changed:
                self._changed.wait_for(lambda: self._error is not None, SETTLE_S)
        return [*left, *self._forget(values)]

    def _forget(self, topics: Sequence[str]) -> Sequence[str]:
        self._listener.clear(topics)
        with self._changed:
            done = self._changed.wait_for(
                lambda: self._forgotten.issuperset(topics) or self._error is not None, CLEAR_S
            )
            if not done:
                return [topic for topic in topics if topic not in self._forgotten]
            self._require_link()
        return []

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        with self._changed:
            self._fresh = self._fresh or retained  # what others say meanwhile may never end
            if retained and payload:
                self._kept[topic] = None
            elif not payload:
                self._forgotten.add(topic)
            self._changed.notify_all()

    def _end(self, error: MissingPartError) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def _require_link(self) -> None:
        if self._error is not None:
            raise self._error
