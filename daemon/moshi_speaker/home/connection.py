"""One connection to the broker: the one user of paho.

Each connection is a fresh paho client. Paho could reconnect by itself, but without jitter, without saying
why a connection failed, without changing the version of MQTT, and it would send values that have become
old meanwhile after the current ones.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from paho.mqtt.client import Client, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
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
MAX_PACKET_BYTES = 65_536
"""Longest packet that an MQTT 5 broker may send us."""
MAX_RECEIVED = 20
"""Messages that an MQTT 5 broker may send us before we have answered the first."""
KEEP_ALIVE_TIMEOUT = 141
FRAME_BYTES = 16
"""What surrounds topic and payload of a message, at most."""

Hear = Callable[[str, bytes, bool], None]
"""Takes topic, payload and retain flag of a message."""
Complain = Callable[[str, str], None]
"""Takes a subject and a line for the log."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way."""

    message: Message
    number: int | None = None
    """Of the event in the backlog; None for what is not from there."""
    sent_at: float = 0.0
    """Seconds of the clock."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The broker does not take a message."""

    reason: str
    for_good: bool
    """It would be the same the next time."""


Answered = Callable[[Parcel, Refusal | None], None]
"""Takes what the broker has, or refuses."""

_ALLOW = "allow this speaker to at the broker"
_PASSING = {128, 131, 145, 151}
"""Reasons that may be gone soon: unspecified, the broker's own, identifier in use, quota exceeded."""


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
        answered: Answered = lambda parcel, refusal: None,
    ) -> None:
        """``changed`` is notified at each change; ``hear``, ``complain`` and ``answered`` are called from
        other threads, without its lock."""
        self._host = settings.host or ""
        self._port = settings.port or (8883 if context else 1883)
        self._keepalive_s = settings.keepalive_s
        self._client_id = client_id
        self._version = version
        self._changed = changed
        self._context = context
        self._hear = hear
        self._complain = complain
        self._answered = answered
        self._answered_early: dict[int, ReasonCode] = {}
        self._in_flight: dict[int, Parcel] = {}
        self._asked: dict[int, list[str]] = {}
        self._limits: Properties | None = None
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
    def unanswered(self) -> list[Parcel]:
        """Messages that were sent but not yet acknowledged, oldest first."""
        return list(self._in_flight.values())

    @property
    def subscribed(self) -> bool:
        """Whether the broker has answered all that was asked for."""
        return not self._asked

    @property
    def window(self) -> int:
        """How many messages the broker lets wait for its answer; many, if it does not say."""
        return int(getattr(self._limits, "ReceiveMaximum", 65_535))

    def open(self) -> Trouble | None:
        """Connect and send the first packet; the broker's answer comes later. Why it failed, or None."""
        if self._context is not None:
            self._context.alert = None
        properties = None
        if self._version == MQTT_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's
            properties.MaximumPacketSize = MAX_PACKET_BYTES
            properties.ReceiveMaximum = MAX_RECEIVED
        try:
            self._client.connect(self._host, self._port, self._keepalive_s, properties=properties)
        except (OSError, UnicodeError) as error:
            return trouble.unreachable(error, self.address)
        self._client.loop_start()
        return None

    def subscribe(self, topics: Iterable[str], *, without_own: bool = False) -> None:
        """Ask for what comes on these topics; MQTT 3.1.1 also sends what is retained there.

        ``without_own``: not for what we publish there ourselves; MQTT 3.1.1 sends that too.
        """
        topics = list(topics)
        options = SubscribeOptions(
            qos=1, noLocal=without_own, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND
        )
        with self._changed:
            if self._version == MQTT_5:
                _, mid = self._client.subscribe([(topic, options) for topic in topics])
            else:
                _, mid = self._client.subscribe([(topic, 1) for topic in topics])
            if mid is not None:
                self._asked[mid] = topics

    def send(self, parcel: Parcel) -> None:
        """Send a message; it counts as unanswered until the broker acknowledged it."""
        message = parcel.message
        if (size := _size(message)) > (limit := getattr(self._limits, "MaximumPacketSize", size)):
            self._answered(parcel, Refusal(f"{size} bytes, and it takes {limit}", for_good=True))
            return
        qos = min(message.qos, getattr(self._limits, "MaximumQoS", message.qos))
        retain = message.retain and bool(getattr(self._limits, "RetainAvailable", True))
        mid = self._client.publish(message.topic, message.encoded, qos, retain).mid
        with self._changed:
            code = self._answered_early.pop(mid, None)
            if code is None:
                self._in_flight[mid] = parcel
        if code is not None:
            self._answered(parcel, _refusal(code))

    def give_up(self, why: Trouble) -> None:
        """Treat it as ended."""
        with self._changed:
            self.ended = self.ended or why
            self._changed.notify_all()

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

    def _on_connect(
        self, client: Client, data: object, flags: object, code: ReasonCode, limits: Properties | None
    ) -> None:
        with self._changed:
            if code.is_failure:
                self.ended = trouble.refused(code.value, str(code), self.address)
            else:
                self.greeted = True
                self._limits = limits
            self._changed.notify_all()
        if not getattr(limits, "RetainAvailable", 1):
            what = "keeps no values, so that whoever comes later sees none until they change"
            self._complain("retain", f"MQTT broker {self.address}: {what}; let it retain messages")

    def _on_disconnect(
        self, client: Client, data: object, flags: DisconnectFlags, code: ReasonCode, _: object
    ) -> None:
        with self._changed:
            if self.ended is None and not self.greeted:
                alert = None if self._context is None else self._context.alert
                self.ended = (
                    trouble.unreachable(alert, self.address) if alert else trouble.unanswered(self.address)
                )
            elif self.ended is None and flags.is_disconnect_packet_from_server:
                self.ended = trouble.dismissed(code.value, str(code), self._client_id, self.address)
            elif self.ended is None:
                silent = code.value == KEEP_ALIVE_TIMEOUT
                self.ended = trouble.lost(str(code), self.address, silent=silent)
            self._changed.notify_all()

    def _on_publish(self, client: Client, data: object, mid: int, code: ReasonCode, _: object) -> None:
        with self._changed:
            parcel = self._in_flight.pop(mid, None)
            if parcel is None:
                self._answered_early[mid] = code
            self._changed.notify_all()
        if parcel is not None:
            self._answered(parcel, _refusal(code))

    def _on_subscribe(
        self, client: Client, data: object, mid: int, codes: list[ReasonCode], _: object
    ) -> None:
        with self._changed:
            asked = self._asked.pop(mid, [])
            self._changed.notify_all()
        refused = [(topic, code) for topic, code in zip(asked, codes, strict=False) if code.is_failure]
        if refused:
            topic, code = refused[0]
            more = f" and {len(refused) - 1} more topics" if refused[1:] else ""
            line = f"MQTT broker {self.address}: does not let us hear {topic}{more} ({code}); {_ALLOW}"
            self._complain(f"subscribe {topic}", line)

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        with suppress(UnicodeDecodeError):  # no topic of ours
            self._hear(message.topic, bytes(message.payload), message.retain)


def _size(message: Message) -> int:
    """Bytes of its packet, at most."""
    return len(message.topic.encode()) + len(message.encoded) + FRAME_BYTES


def _refusal(code: ReasonCode) -> Refusal | None:
    return Refusal(str(code), code.value not in _PASSING) if code.is_failure else None
