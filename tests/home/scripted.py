"""A broker of a few lines that misbehaves as it is told to: what mosquitto cannot be made to do."""

import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14

Packet = tuple[int, bytes]
"""Type, and what comes after the fixed header."""


def packet(kind: int, body: bytes) -> bytes:
    """With a body of less than 128 bytes."""
    return bytes((kind << 4, len(body))) + body


def disconnect(code: int) -> bytes:
    """MQTT 5: the broker hangs up, and says why."""
    return packet(DISCONNECT, bytes((code, 0)))


class ScriptedBroker:
    """Takes one client after the other, and speaks to it in the version in which it is spoken to.

    By default it lets everybody in, subscribes to everything, and acknowledges every message.
    """

    def __init__(self) -> None:
        self.greeting: Callable[[int], bytes] = lambda level: packet(
            CONNACK, b"\0\0\0" if level == 5 else b"\0\0"
        )
        """What answers a CONNECT of a version; nothing: silence."""
        self.acknowledgement: Callable[[str], int | bytes | None] = lambda topic: 0
        """The reason code that answers a message on a topic, bytes to send in its place, or None: silence."""
        self.subscription = 0
        """The reason code that answers a wish to subscribe."""
        self.first_words = b""
        """What is sent when everything was subscribed to."""
        self.hangs_up: Callable[[Packet], bool] = lambda packet: False
        """Whether to close after a packet."""
        self.packets: queue.Queue[Packet] = queue.Queue()
        """What came, of all clients."""
        self.published: queue.Queue[tuple[str, str]] = queue.Queue()
        """Topic and payload of what came."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Serve no more."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        if self._client is not None:
            with suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)
        self._thread.join(10.0)

    def send(self, data: bytes) -> None:
        """Say something to the present client."""
        assert self._client is not None
        self._client.sendall(data)

    def _serve(self) -> None:
        while True:
            try:
                self._client, _ = self._server.accept()
            except OSError:
                return
            with self._client, suppress(OSError):
                self._talk(self._client)

    def _talk(self, client: socket.socket) -> None:
        level = 0
        for kind, body in _packets(client):
            self.packets.put((kind, body))
            if kind == CONNECT:
                level = body[6]
                client.sendall(self.greeting(level))
            elif kind == SUBSCRIBE:
                self._subscribe(client, level, body)
            elif kind == PUBLISH:
                self._publish(client, level, body)
            elif kind == PINGREQ:
                client.sendall(packet(PINGRESP, b""))
            if self.hangs_up((kind, body)):
                return

    def _subscribe(self, client: socket.socket, level: int, body: bytes) -> None:
        rest, topics = body[3 if level == 5 else 2 :], 0
        while rest:
            (length,) = struct.unpack_from("!H", rest)
            rest, topics = rest[length + 3 :], topics + 1
        properties = b"\0" if level == 5 else b""
        client.sendall(packet(SUBACK, body[:2] + properties + bytes((self.subscription,)) * topics))
        client.sendall(self.first_words)

    def _publish(self, client: socket.socket, level: int, body: bytes) -> None:
        (length,) = struct.unpack_from("!H", body)
        topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
        self.published.put((topic, rest[3 if level == 5 else 2 :].decode()))
        answer = self.acknowledgement(topic)
        if isinstance(answer, bytes):
            client.sendall(answer)
        elif answer is not None:
            client.sendall(packet(PUBACK, rest[:2] + (bytes((answer, 0)) if level == 5 else b"")))


def _packets(client: socket.socket) -> Iterator[Packet]:
    with client.makefile("rb") as stream:
        while first := stream.read(1):
            length, shift = 0, 0
            while (byte := stream.read(1)) and byte[0] & 0x80:
                length, shift = length | (byte[0] & 0x7F) << shift, shift + 7
            length |= byte[0] << shift
            yield first[0] >> 4, stream.read(length)


@contextmanager
def scripted() -> Iterator[ScriptedBroker]:
    """One that runs meanwhile."""
    broker = ScriptedBroker()
    yield broker
    broker.close()
