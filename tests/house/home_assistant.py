"""A simulation of Home Assistant's MQTT integration, as it was measured with a real one.

It subscribes, shows entities, sends its birth message, and reconnects as Home Assistant does, but with times
that are shorter; and it remembers all that it has shown and warned of.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tests.house.entities import Entity, EntityState
from tests.house.registry import Registry

PATIENCE_S = 30.0
"""Seconds to wait for any one thing; a slow machine needs a fraction of it."""
_WITH_WILL = ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")


@dataclass(frozen=True)
class Change:
    """An entity was shown differently."""

    at: float
    """Seconds of the monotonic clock."""
    entity_id: str
    state: EntityState


@dataclass(frozen=True)
class Fired:
    """An event entity fired."""

    entity_id: str
    event: dict[str, Any]


class HomeAssistant:
    """Home Assistant with one broker; a context manager. Its registry lasts over ``stop`` and ``start``."""

    def __init__(
        self,
        port: int,
        *,
        prefix: str = "homeassistant",
        reconnect_s: int = 1,
        cooldown_s: float = 0.2,
        expiry_scale: float = 1.0,
    ) -> None:
        """``reconnect_s``: pause between tries to connect (really 10); ``cooldown_s``: quiet before the birth
        message (really 5); ``expiry_scale`` makes ``expire_after`` shorter."""
        self._port = port
        self._prefix = prefix
        self._reconnect_s = reconnect_s
        self._cooldown_s = cooldown_s
        self._changed = threading.Condition(threading.RLock())
        self._registry = Registry(prefix, self._warn, time.monotonic, self._fire, expiry_scale)
        self._client: Client | None = None
        self._connected = False
        self._unanswered: set[int | None] = set()
        """Subscriptions that the broker has not confirmed yet."""
        self._birth: threading.Timer | None = None
        self._shown: dict[str, EntityState] = {}
        self.warnings: list[str] = []
        """What its log would say, from warnings on; errors begin with ``ERROR``."""
        self.changes: list[Change] = []
        """Everything that was shown, in order."""
        self.fired: list[Fired] = []
        """Every event of an event entity, in order."""
        self.births = 0
        """Birth messages that were sent."""

    # --- Life ---

    def start(self) -> None:
        """Start; returns at once. It connects as soon as there is a broker."""
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.reconnect_delay_set(self._reconnect_s, self._reconnect_s)
        client.will_set(f"{self._prefix}/status", "offline")
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        self._client = client
        client.connect_async("127.0.0.1", self._port)
        client.loop_start()
        with self._changed:
            self._show()

    def stop(self) -> None:
        """Stop, as at a restart of the machine: the broker sends its will. May be called twice."""
        self._end(will=True)

    def restart(self) -> None:
        """Stop and start: what was discovered is forgotten, the registry stays."""
        self.stop()
        self.start()

    def reload(self) -> None:
        """Load the integration again, which the user may ask for."""
        self._end(will=False)
        self.start()

    def enable(self, entity_id: str) -> None:
        """Enable an entity that is disabled: soon after that Home Assistant reloads the integration."""
        with self._changed:
            (entry,) = (one for one in self._registry.entries.values() if one.entity_id == entity_id)
            entry.disabled = False
        self.reload()

    def __enter__(self) -> "HomeAssistant":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- What it shows ---

    @property
    def states(self) -> dict[str, EntityState]:
        """Everything that it shows now; nothing while it is stopped."""
        with self._changed:
            return self._states()

    @property
    def registered(self) -> set[str]:
        """Ids of all entities in its registry, disabled ones included."""
        with self._changed:
            return {entry.entity_id for entry in self._registry.entries.values()}

    @property
    def devices(self) -> dict[str, dict[str, Any]]:
        """Its devices, by their first identifier."""
        with self._changed:
            return dict(self._registry.devices)

    def until(self, holds: Callable[[dict[str, EntityState]], object], within_s: float = PATIENCE_S) -> float:
        """Wait until the states fulfil a condition; the seconds that took. Fails after ``within_s``."""
        began = time.monotonic()
        with self._changed:
            while not holds(states := self._states()):
                left = began + within_s - time.monotonic()
                assert left > 0, f"not within {within_s} s:\n{_table(states)}"
                self._changed.wait(min(left, self._next_expiry()))
            return time.monotonic() - began

    def settle(self) -> None:
        """Wait until the broker has confirmed every subscription, so that nothing live is missed."""
        self.until(lambda states: self._connected and not self._unanswered)

    def availability(self, entity_id: str, since: float = 0.0) -> list[bool]:
        """How the availability of an entity went since a time of the monotonic clock, without repeats."""
        with self._changed:
            seen = [one for one in self.changes if one.entity_id == entity_id]
        went = [one.state.available for one in seen if one.at >= since]
        before = [one.state.available for one in seen if one.at < since][-1:]
        turns = [*before, *went]
        return [one for one, last in zip(turns, [None, *turns], strict=False) if one is not last]

    # --- Controls ---

    def turn(self, entity_id: str, on: bool) -> None:
        """Turn a switch on or off."""
        config = self._config(entity_id)
        self._command(config, config.get("payload_on", "ON") if on else config.get("payload_off", "OFF"))

    def press(self, entity_id: str) -> None:
        """Press a button."""
        config = self._config(entity_id)
        self._command(config, config.get("payload_press", "PRESS"))
        with self._changed:
            for entity in self._registry.entities:
                if entity.entity_id == entity_id:
                    entity.press()
            self._show()

    def set_value(self, entity_id: str, value: float) -> None:
        """Set a number; a whole one is sent without a decimal point."""
        self._command(self._config(entity_id), f"{value:g}")

    def select(self, entity_id: str, option: str) -> None:
        """Choose an option, which must be one of those offered."""
        config = self._config(entity_id)
        assert option in config["options"]
        self._command(config, option)

    def _config(self, entity_id: str) -> dict[str, Any]:
        with self._changed:
            (entity,) = (one for one in self._registry.entities if one.entity_id == entity_id)
            assert entity.available(self._connected), f"{entity_id} is unavailable"
            return dict(entity.config)

    def _command(self, config: dict[str, Any], payload: str) -> None:
        assert self._client is not None
        sent = self._client.publish(config["command_topic"], payload, qos=config.get("qos", 0))
        sent.wait_for_publish(PATIENCE_S)

    # --- Inside; everything below holds the lock ---

    def _end(self, *, will: bool) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        if will:
            client.disconnect(_WITH_WILL)
        else:
            client.disconnect()
        client.loop_stop()
        with self._changed:
            self._drop_birth()
            self._connected = False
            self._registry.restart()
            self._shown.clear()
            self._changed.notify_all()

    def _on_connect(self, client: Client, data: object, flags: object, code: ReasonCode, _: object) -> None:
        with self._changed:
            if code.is_failure:
                self._warn(f"ERROR: Unable to connect to the MQTT broker: {code}")
                return
            self._connected = True
            self._unanswered.clear()
            for topic in (f"{self._prefix}/device/+/config", f"{self._prefix}/device/+/+/config"):
                self._unanswered.add(client.subscribe(topic)[1])
            for entity in self._registry.entities:
                self._subscribe(client, entity)
            self._await_birth(client)
            self._show()

    def _on_disconnect(
        self, client: Client, data: object, flags: object, code: ReasonCode, _: object
    ) -> None:
        with self._changed:
            if client is self._client:
                self._connected = False
                self._drop_birth()
                self._show()

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        with self._changed:
            if client is not self._client:
                return
            if message.topic.startswith(f"{self._prefix}/device/"):
                for entity in self._registry.discover(message.topic, bytes(message.payload)):
                    self._subscribe(client, entity)
                if self._birth is not None:
                    self._await_birth(client)
            else:
                for entity in self._registry.entities:
                    if message.topic in entity.topics:
                        entity.hear(message.topic, bytes(message.payload), message.retain)
            self._show()

    def _on_subscribe(self, client: Client, data: object, mid: int, codes: object, _: object) -> None:
        with self._changed:
            self._unanswered.discard(mid)
            self._changed.notify_all()

    def _subscribe(self, client: Client, entity: Entity) -> None:
        """Also where it is subscribed already: so a new entity hears what the broker retains there."""
        for topic in entity.topics:
            self._unanswered.add(client.subscribe(topic, int(entity.config.get("qos", 0)))[1])

    def _await_birth(self, client: Client) -> None:
        """The birth message comes when nothing new was discovered for a while."""
        self._drop_birth()
        self._birth = threading.Timer(self._cooldown_s, self._be_born, (client,))
        self._birth.start()

    def _drop_birth(self) -> None:
        if self._birth is not None:
            self._birth.cancel()
            self._birth = None

    def _be_born(self, client: Client) -> None:
        with self._changed:
            if client is not self._client or not self._connected or self._birth is None:
                return
            self._birth = None
            client.publish(f"{self._prefix}/status", "online")
            self.births += 1
            self._changed.notify_all()

    def _warn(self, line: str) -> None:
        self.warnings.append(line)

    def _fire(self, entity_id: str, event: dict[str, Any]) -> None:
        self.fired.append(Fired(entity_id, event))

    def _states(self) -> dict[str, EntityState]:
        if self._client is None:
            return {}
        live = {one.entity_id: one.shown(self._connected) for one in self._registry.entities}
        return self._registry.restored | live

    def _show(self) -> None:
        shown = self._states()
        now = time.monotonic()
        for entity_id, state in shown.items():
            if self._shown.get(entity_id) != state:
                self.changes.append(Change(now, entity_id, state))
        self._shown = shown
        self._changed.notify_all()

    def _next_expiry(self) -> float:
        """Seconds until a value expires."""
        expiries = [one.expires_at for one in self._registry.entities]
        due = min((at for at in expiries if at is not None), default=float("inf"))
        return max(0.0, due - time.monotonic()) if due != float("inf") else PATIENCE_S


def _table(states: dict[str, EntityState]) -> str:
    return "\n".join(f"{name:55} {one.state:25} {json.dumps(one.attributes)}" for name, one in states.items())
