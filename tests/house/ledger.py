"""Writes down every event that the broker passes on, also what it passes on later because it was away."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

PATIENCE_S = 30.0
"""Seconds to wait for any one thing; a slow machine needs a fraction of it."""


@dataclass(frozen=True)
class Arrived:
    """An event at its destination."""

    at: float
    """Seconds since 1970."""
    topic: str
    """Below the speaker's own root."""
    fields: dict[str, Any]

    @property
    def event_id(self) -> str:
        """What it is known by."""
        return str(self.fields["event_id"])

    @property
    def late(self) -> bool:
        """It says of itself that it is."""
        return bool(self.fields["late"])

    @property
    def happened_at(self) -> float:
        """Seconds since 1970."""
        return datetime.fromisoformat(self.fields["ts"]).timestamp()


class Ledger:
    """A client with a session that lasts: a broker that keeps sessions loses nothing on the way to it."""

    def __init__(self, port: int, name: str = "kitchen") -> None:
        self._root = f"moshi-speaker/{name}/"
        self._arrived: list[Arrived] = []
        self._changed = threading.Condition()
        self._ready = threading.Event()
        client = Client(
            CallbackAPIVersion.VERSION2, "ledger", clean_session=False, protocol=MQTTProtocolVersion.MQTTv311
        )
        client.reconnect_delay_set(1, 1)
        client.on_message = self._on_message
        client.on_subscribe = lambda *_: self._ready.set()
        client.connect("127.0.0.1", port)
        client.subscribe([(f"{self._root}event/+", 1), (f"{self._root}transcript/+", 1)])
        self._client = client

    @property
    def arrived(self) -> list[Arrived]:
        """Everything so far, in the order in which it came."""
        with self._changed:
            return list(self._arrived)

    @property
    def once(self) -> list[Arrived]:
        """The same without what came again."""
        known: dict[str, Arrived] = {}
        for one in self.arrived:
            known.setdefault(one.event_id, one)
        return list(known.values())

    def until(self, holds: Callable[[list[Arrived]], object]) -> None:
        """Wait until what has arrived fulfils a condition."""
        with self._changed:
            done = self._changed.wait_for(lambda: holds(self._arrived), PATIENCE_S)
            assert done, f"{len(self._arrived)} events arrived, of these last {self._arrived[-3:]}"

    def until_all(self, event_ids: list[str]) -> None:
        """Wait until each of these has arrived."""
        wanted = set(event_ids)
        self.until(lambda arrived: wanted <= {one.event_id for one in arrived})

    def __enter__(self) -> "Ledger":
        self._client.loop_start()
        assert self._ready.wait(PATIENCE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        if not message.payload or message.retain:  # what is cleared, and what is kept, is no event
            return
        topic = message.topic.removeprefix(self._root)
        arrived = Arrived(time.time(), topic, json.loads(message.payload))
        with self._changed:
            if message.dup and arrived.event_id in {one.event_id for one in self._arrived}:
                return  # the broker had not heard that we have it
            self._arrived.append(arrived)
            self._changed.notify_all()
