"""One connection to the broker: the one user of paho.

Each connection is a fresh paho client. Paho could reconnect by itself, but without jitter, without saying
why a connection failed, without changing the version of MQTT, and it would send values that have become
old meanwhile after the current ones.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from moshi_speaker.home import trouble
from moshi_speaker.home.payloads import Message
from moshi_speaker.home.tls import Context
from moshi_speaker.home.trouble import Trouble
from moshi_speaker.settings import MqttSettings

Version = MQTTProtocolVersion
MQTT_5 = Version.MQTTv5
MQTT_311 = Version.MQTTv311

CONNECT_S = 5.0
"""Seconds for a connection to open."""
GOODBYE_S = 1.0
"""Seconds for a closed connection to end."""

Hear = Callable[[str, bytes, bool], None]
"""Takes topic, payload and retain flag of a message."""
Complain = Callable[[str, str], None]
"""Takes a subject and a line for the log."""


class Connection:
    """Opened once, closed once. Paho's thread writes its state, under the lock of ``changed``."""

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        version: Version,
        *,
        context: Context | None,
        will: Message | None,
        changed: threading.Condition,
        hear: Hear,
        complain: Complain,
    ) -> None:
        """``changed`` is notified at each change; ``hear`` and ``complain`` are called from paho's thread."""
        self._host = settings.host or ""
        self._port = settings.port or (8883 if context else 1883)
        self._keepalive_s = settings.keepalive_s
        self._version = version
        self._changed = changed
        self._context = context
        self._hear = hear
        self._complain = complain
        self._answered_early: set[int] = set()
        self._in_flight: dict[int, Message] = {}
        self.greeted = False
        """The broker has let us in."""
        self.ended: Trouble | None = None
        """Why there is no connection any more."""
        self._client = self._make_client(settings, client_id, context, will)

    @property
    def address(self) -> str:
        """``host:port`` of the broker."""
        return f"{self._host}:{self._port}"

    @property
    def version(self) -> str:
        """Version of MQTT that is spoken."""
        return "5" if self._version == MQTT_5 else "3.1.1"

    @property
    def unanswered(self) -> list[Message]:
        """Messages that were sent but not yet acknowledged, oldest first."""
        return list(self._in_flight.values())

    def open(self) -> Trouble | None:
        """Connect and send the first packet; the broker's answer comes later. Why it failed, or None."""
        if self._context is not None:
            self._context.alert = None
        try:
            self._client.connect(self._host, self._port, self._keepalive_s)
        except (OSError, UnicodeError) as error:
            return trouble.unreachable(error, self.address)
        self._client.loop_start()
        return None

    def subscribe(self, topics: Iterable[str]) -> None:
        """Ask for what comes on these topics; MQTT 3.1.1 also sends what is retained there."""
        if self._version == MQTT_5:
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
            self._client.subscribe([(topic, options) for topic in topics])
        else:
            self._client.subscribe([(topic, 1) for topic in topics])

    def send(self, message: Message) -> None:
        """Send a message; it counts as unanswered until the broker acknowledged it."""
        mid = self._client.publish(message.topic, message.payload, message.qos, message.retain).mid
        with self._changed:
            if mid in self._answered_early:
                self._answered_early.remove(mid)
            else:
                self._in_flight[mid] = message

    def close(self, orderly: bool) -> None:
        """End the connection: with a goodbye if ``orderly``, else the broker sends our last will."""
        if orderly:
            self._client.disconnect()
            self._await_end()
        # Not loop_stop(): it would wait without limit for a broker that has stopped reading. With the
        # socket shut down, paho's thread ends by itself.
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            self._await_end()
        self._let_go()

    def _let_go(self) -> None:
        """Undo the cycle of references: paho closes its inner sockets only when its client is freed."""
        client = self._client
        client.on_connect = client.on_disconnect = client.on_publish = None
        client.on_subscribe = client.on_message = None

    def _await_end(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.ended is not None, GOODBYE_S)

    def _make_client(
        self, settings: MqttSettings, client_id: str, context: Context | None, will: Message | None
    ) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=self._version, reconnect_on_failure=False
        )
        client.connect_timeout = CONNECT_S
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        if settings.username is not None:
            password = settings.password
            client.username_pw_set(settings.username, password.get_secret_value() if password else None)
        if context is not None:
            client.tls_set_context(context)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: Client, data: object, flags: object, code: ReasonCode, _: object) -> None:
        with self._changed:
            if code.is_failure:
                self.ended = trouble.refused(code.value, str(code), self.address)
            else:
                self.greeted = True
            self._changed.notify_all()

    def _on_disconnect(
        self, client: Client, data: object, flags: object, code: ReasonCode, _: object
    ) -> None:
        with self._changed:
            if self.ended is None and self.greeted:
                self.ended = trouble.lost(str(code), self.address)
            elif self.ended is None:
                alert = None if self._context is None else self._context.alert
                self.ended = (
                    trouble.unreachable(alert, self.address) if alert else trouble.unanswered(self.address)
                )
            self._changed.notify_all()

    def _on_publish(self, client: Client, data: object, mid: int, code: ReasonCode, _: object) -> None:
        with self._changed:
            message = self._in_flight.pop(mid, None)
            if message is None:
                self._answered_early.add(mid)
            self._changed.notify_all()
        if code.is_failure:
            self._complain("publish", f"the MQTT broker {self.address} refuses what we publish ({code})")

    def _on_subscribe(
        self, client: Client, data: object, mid: int, codes: list[ReasonCode], _: object
    ) -> None:
        refused = [code for code in codes if code.is_failure]
        if refused:
            self._complain("subscribe", f"the MQTT broker {self.address} refuses us commands ({refused[0]})")

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        self._hear(message.topic, bytes(message.payload), message.retain)
