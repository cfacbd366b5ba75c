"""An MQTT client that sees what Home Assistant would see, and waits for it."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_S = 60.0
"""Seconds to wait for any one thing; a slow machine needs a fraction of it."""


@dataclass(frozen=True)
class Heard:
    """A message that a speaker published."""

    topic: str
    """Below the speaker's own root."""
    payload: str

    @property
    def fields(self) -> dict[str, Any]:
        """The payload as JSON; empty where it is plain text."""
        value = json.loads(self.payload) if self.payload.startswith("{") else {}
        assert isinstance(value, dict)
        return value


OFFLINE = Heard("availability", "offline")


class Witness:
    """Hears a speaker at a broker; to be in place before the speaker starts. A context manager."""

    def __init__(self, port: int, speaker_id: str = "+") -> None:
        self.heard: list[Heard] = []
        self.root = ""
        self._positions = {False: 0, True: 0}
        """How many were looked at, for what holds and for what happens: these come in no common order."""
        self._changed = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"moshi-speaker/{speaker_id}/#", 1)
        self._client.loop_start()
        assert subscribed.wait(PATIENCE_S)

    def expect(
        self, topic: str, payload: str | None = None, *, within_s: float = PATIENCE_S, **fields: object
    ) -> Heard:
        """Wait for a message with this payload, or these fields, that came after the last one expected.

        Fails at once when the speaker goes offline before it.
        """
        deadline = time.monotonic() + within_s
        with self._changed:
            while True:
                for heard in self._unread(_happens(topic)):
                    if _matches(heard, topic, payload, fields):
                        return heard
                    assert heard != OFFLINE, f"went offline before {topic} {payload or fields}\n{self}"
                left = deadline - time.monotonic()
                assert self._changed.wait(left), f"no {topic} {payload or fields}\n{self}"

    def send(self, topic: str, payload: str) -> None:
        """Command the speaker that was heard last; returns when the broker has it."""
        self._client.publish(f"{self.root}/{topic}", payload, qos=1).wait_for_publish(PATIENCE_S)

    def forget(self) -> None:
        """Expect nothing of what was heard so far."""
        with self._changed:
            self._positions = dict.fromkeys(self._positions, len(self.heard))

    def latest(self, topic: str) -> str:
        """The last payload on a topic so far."""
        with self._changed:
            return next(heard.payload for heard in reversed(self.heard) if heard.topic == topic)

    def latest_fields(self, topic: str) -> dict[str, Any]:
        """The same, as JSON."""
        return Heard(topic, self.latest(topic)).fields

    def __str__(self) -> str:
        return "\n".join(f"{heard.topic:24} {heard.payload[:400]!r}" for heard in self.heard)

    def __enter__(self) -> "Witness":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _unread(self, happens: bool) -> Iterator[Heard]:
        while self._positions[happens] < len(self.heard):
            self._positions[happens] += 1
            yield self.heard[self._positions[happens] - 1]

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        base, name, topic = message.topic.split("/", 2)
        if topic.endswith("/set") or topic.startswith("request/") or not message.payload:
            # A command, or what the broker is to forget.
            return
        with self._changed:
            self.root = f"{base}/{name}"
            self.heard.append(Heard(topic, message.payload.decode(errors="replace")))
            self._changed.notify_all()


def _happens(topic: str) -> bool:
    """Whether its messages go through the history: then they come when they are kept."""
    return topic.startswith(("event/", "transcript/"))


def _matches(heard: Heard, topic: str, payload: str | None, fields: dict[str, object]) -> bool:
    return (
        heard.topic == topic and payload in (None, heard.payload) and fields.items() <= heard.fields.items()
    )
