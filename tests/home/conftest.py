"""A second MQTT client that sees what Home Assistant would see, and certificates for TLS."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from moshi_speaker.events import Event, Request
from moshi_speaker.home.backlog import Backlog
from moshi_speaker.home.backoff import Backoff
from moshi_speaker.home.link import Link
from moshi_speaker.settings import MqttSettings
from tests.certificates import Authority

PATIENCE_S = 10.0
Commands = queue.Queue[Event | Request]
OpenLink = Callable[..., Link]


@dataclass(frozen=True)
class Seen:
    """A message as another client sees it."""

    topic: str
    payload: str
    retained: bool
    """It came because of the subscription, not because somebody sent it now."""


class Watcher:
    """Subscribes to everything below ``moshi-speaker`` and hands it over message by message."""

    def __init__(self, port: int, **tls: Path) -> None:
        self._seen: queue.Queue[Seen] = queue.Queue()
        self.cleared: queue.Queue[str] = queue.Queue()
        """Topics that the broker was to forget; their messages are not handed over."""
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        if tls:
            self._client.tls_set(ca_certs=str(tls["ca"]))
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("moshi-speaker/#", 1)
        self._client.loop_start()
        assert self._ready.wait(PATIENCE_S)

    def next(self) -> Seen:
        """The next message that nobody has looked at."""
        return self._seen.get(timeout=PATIENCE_S)

    def until(self, topic: str, payload: str | None = None) -> list[Seen]:
        """All messages up to one on this topic (with this payload), which is the last."""
        seen = [self.next()]
        while seen[-1].topic != topic or payload not in (None, seen[-1].payload):
            seen.append(self.next())
        return seen

    def nothing_more(self) -> bool:
        """Whether every message so far has been looked at."""
        return self._seen.empty()

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Send a message and wait until the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        if not message.payload:
            self.cleared.put(message.topic)
            return
        self._seen.put(Seen(message.topic, message.payload.decode(errors="replace"), message.retain))


@pytest.fixture
def watch() -> Iterator[Callable[..., Watcher]]:
    """Opens watchers of the broker at a port."""
    opened: list[Watcher] = []

    def open_watcher(port: int, **tls: Path) -> Watcher:
        opened.append(Watcher(port, **tls))
        return opened[-1]

    yield open_watcher
    for watcher in opened:
        watcher.close()


class Collector(logging.Handler):
    """Puts log lines of one level or worse into a queue."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: queue.Queue[str] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; there must be no traceback with it."""
        assert record.exc_info is None
        self.lines.put(record.getMessage())


@contextmanager
def collected(level: int) -> Iterator["queue.Queue[str]"]:
    """Lines that the MQTT part logs meanwhile."""
    logger, collector = logging.getLogger("moshi_speaker.home"), Collector(level)
    before = logger.level
    logger.addHandler(collector)
    logger.setLevel(logging.INFO)
    yield collector.lines
    logger.setLevel(before)
    logger.removeHandler(collector)


@pytest.fixture
def told() -> Iterator["queue.Queue[str]"]:
    """Log lines for everybody."""
    with collected(logging.INFO) as lines:
        yield lines


@pytest.fixture
def warned() -> Iterator["queue.Queue[str]"]:
    """Warnings and worse."""
    with collected(logging.WARNING) as lines:
        yield lines


@dataclass(frozen=True)
class Certificates:
    """PEM files made for one test."""

    ca: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of our own, a broker's certificate for 127.0.0.1, and a client's."""
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    server = authority.issue("broker", "IP:127.0.0.1")
    client = authority.issue("speaker", "DNS:speaker")
    return Certificates(authority.certificate, server.certificate, server.key, client.certificate, client.key)


@pytest.fixture
def commands() -> Commands:
    """Events that the link made of commands."""
    return queue.Queue()


@pytest.fixture
def open_link(commands: Commands) -> Iterator[OpenLink]:
    """Starts links to a port, with further MQTT settings."""
    opened: list[Link] = []

    def open_one(port: int, *, backlog: Backlog | None = None, **settings: Any) -> Link:  # noqa: ANN401
        mqtt = MqttSettings.model_validate({"host": "127.0.0.1", "port": port, **settings})
        link = Link(mqtt, "kitchen", commands.put, time.monotonic, Backoff(0.05, 0.2), backlog=backlog)
        opened.append(link)
        link.start()
        return link

    yield open_one
    for link in opened:
        link.close(PATIENCE_S)
