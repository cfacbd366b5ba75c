"""Another client at the broker, that hears what a speaker publishes."""

import threading

from moshi_speaker.errors import MissingPartError
from moshi_speaker.home import tls
from moshi_speaker.home.connection import MQTT_311, Connection, Hear
from moshi_speaker.settings import MqttSettings

CONNECT_S = 5.0
"""Seconds for the broker to let us in."""


class Listener:
    """Subscribed as long as it is open; speaks MQTT 3.1.1, which every broker does."""

    def __init__(self, settings: MqttSettings, client_id: str, hear: Hear) -> None:
        """``hear`` is called from another thread. Raises ConfigError for an unusable TLS file."""
        self._changed = threading.Condition()
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

    def open(self, topic_filter: str) -> None:
        """Connect and subscribe; blocks for a moment. Raises MissingPartError if the broker is not there."""
        trouble = self._connection.open()
        if trouble is None:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._connection.greeted or self._connection.ended is not None, CONNECT_S
                )
                trouble = self._connection.ended
        if trouble is not None or not self._connection.greeted:
            self.close()
            line = trouble.line if trouble else f"the MQTT broker {self._connection.address} does not answer"
            raise MissingPartError(line)
        self._connection.subscribe([topic_filter])

    def close(self) -> None:
        """Hang up. May be called twice."""
        self._connection.close(orderly=self._connection.greeted)
