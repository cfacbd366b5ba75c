"""Another client at the broker, that hears what a speaker publishes."""

import threading
from collections.abc import Callable, Iterable

from moshi_speaker.errors import MissingPartError
from moshi_speaker.home import tls
from moshi_speaker.home.connection import MQTT_311, Connection, Hear, Parcel
from moshi_speaker.home.payloads import Message
from moshi_speaker.settings import MqttSettings

CONNECT_S = 5.0
"""Seconds for the broker to let us in, and again for what we subscribe to."""
CLEAR_S = 2.0
"""Seconds for the broker to confirm that it forgot what it retained."""


class Listener:
    """Subscribed as long as it is open; speaks MQTT 3.1.1, which every broker does."""

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        hear: Hear,
        ended: Callable[[MissingPartError], None],
    ) -> None:
        """``hear`` and ``ended`` are called from other threads, ``ended`` when the broker goes away.

        Raises ConfigError for an unusable TLS file.
        """
        self._changed = threading.Condition()
        self._closing = False
        self._ended = ended
        self._connection = Connection(
            settings,
            client_id,
            MQTT_311,
            context=tls.context(settings.tls) if settings.tls.enabled else None,
            will=None,
            changed=self._changed,
            hear=hear,
            complain=lambda subject, line: None,
        )

    @property
    def address(self) -> str:
        """``host:port`` of the broker."""
        return self._connection.address

    def open(self, *topic_filters: str) -> None:
        """Connect, and subscribe for good; blocks for a moment. Raises MissingPartError without a broker."""
        trouble = self._connection.open()
        if trouble is None:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._connection.greeted or self._connection.ended is not None, CONNECT_S
                )
                trouble = self._connection.ended
        if trouble is None and self._connection.greeted:
            self._connection.subscribe(topic_filters)
            with self._changed:
                self._changed.wait_for(
                    lambda: self._connection.subscribed or self._connection.ended is not None, CONNECT_S
                )
                trouble = self._connection.ended
        if trouble is not None or not self._connection.greeted or not self._connection.subscribed:
            self.close()
            line = trouble.line if trouble else f"the MQTT broker {self._connection.address} does not answer"
            raise MissingPartError(line)
        threading.Thread(target=self._await_end, name="mqtt-listener", daemon=True).start()

    def clear(self, topics: Iterable[str]) -> None:
        """Have the broker forget what it retains on these topics; blocks for a moment."""
        for topic in topics:
            self._connection.send(Parcel(Message(topic, "", qos=1, retain=True)))
        with self._changed:
            self._changed.wait_for(
                lambda: not self._connection.unanswered or self._connection.ended is not None, CLEAR_S
            )

    def close(self) -> None:
        """Hang up. May be called twice."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._connection.close(orderly=self._connection.greeted)

    def _await_end(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._connection.ended is not None)
            if self._closing:
                return
        self._ended(
            MissingPartError(
                f"the MQTT broker {self.address} went away", remedy="check that it runs, and start again"
            )
        )
