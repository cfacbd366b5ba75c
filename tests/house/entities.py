"""Entities of Home Assistant's MQTT integration: what becomes of a message in each platform.

Every rule here was seen with a real Home Assistant 2026.11, or read in its integration.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jinja2 import TemplateError

from tests.house.templates import Templates, Warn

Config = Mapping[str, Any]

UNKNOWN = "unknown"
UNAVAILABLE = "unavailable"
MAX_STATE = 255
"""Characters that a state may have."""
MAX_ATTRIBUTES_BYTES = 16_384
"""Bytes of attributes that are recorded."""
BLOCKED_ATTRIBUTES = frozenset(
    {"assumed_state", "available", "device_class", "device_info", "entity_category", "entity_picture"}
    | {"entity_registry_enabled_default", "extra_state_attributes", "force_update", "icon", "friendly_name"}
    | {"should_poll", "state", "supported_features", "unit_of_measurement", "unique_id", "entity_id"}
)
"""Attribute keys that are dropped without a word."""


@dataclass(frozen=True)
class EntityState:
    """What Home Assistant shows of an entity."""

    state: str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def available(self) -> bool:
        """It is not greyed out."""
        return self.state != UNAVAILABLE


@dataclass
class Kept:
    """What an entity takes over a restart of Home Assistant."""

    state: str
    attributes: dict[str, Any]
    changed_at: float


class Entity:
    """One component that was discovered and is enabled."""

    def __init__(
        self,
        entity_id: str,
        config: Config,
        warn: Warn,
        clock: Callable[[], float],
        fired: Callable[[str, dict[str, Any]], None] = lambda entity_id, event: None,
        *,
        expiry_scale: float = 1.0,
    ) -> None:
        """``clock`` in seconds; ``fired`` hears of events; ``expiry_scale`` multiplies ``expire_after``."""
        self.entity_id = entity_id
        self._warn = warn
        self._clock = clock
        self._fired = fired
        self._expiry_scale = expiry_scale
        self._templates = Templates(lambda line: warn(f"Template variable warning: {line} ({entity_id})"))
        self._state = UNKNOWN
        self._attributes: dict[str, Any] = {}
        self._available: dict[str, bool] = {}
        self._fresh_until: float | None = None
        self._changed_at = clock()
        self.update(config)

    @property
    def platform(self) -> str:
        """``sensor``, ``switch``, ..."""
        return str(self.config["platform"])

    @property
    def topics(self) -> set[str]:
        """What it listens to."""
        own = {self.config.get("state_topic"), self.config.get("json_attributes_topic")}
        return {topic for topic in own if topic} | set(self._available)

    def update(self, config: Config) -> None:
        """Another discovery message changed it: what it shows stays, but a value that expires is gone."""
        self.config = config
        topics = {one["topic"]: one for one in config.get("availability", ())}
        if "availability_topic" in config:
            topics = {config["availability_topic"]: config}
        self._available_by = topics
        self._available = {topic: self._available.get(topic, False) for topic in topics}
        self._fresh_until = float("-inf") if self.config.get("expire_after") else None

    def available(self, connected: bool) -> bool:
        """Whether it is shown as available."""
        fresh = self._fresh_until is None or self._clock() < self._fresh_until
        return connected and fresh and all(self._available.values())

    @property
    def expires_at(self) -> float | None:
        """When a value that expires will have done so; None if there is none."""
        return self._fresh_until if self._fresh_until and self._fresh_until > self._clock() else None

    def shown(self, connected: bool) -> EntityState:
        """What is shown now; of one that is not available, no attributes."""
        if not self.available(connected):
            return EntityState(UNAVAILABLE)
        return EntityState(self._state, dict(self._attributes))

    def kept(self) -> Kept | None:
        """What it takes over a restart: what happened last always, a sensor only as long as it would last."""
        if self.platform in ("event", "button") or (
            self.config.get("expire_after") and self._state != UNKNOWN
        ):
            return Kept(self._state, dict(self._attributes), self._changed_at)
        return None

    def restore(self, kept: Kept) -> None:
        """Take that back."""
        if self.platform == "sensor":
            expiry = kept.changed_at + self.config["expire_after"] * self._expiry_scale
            if expiry <= self._clock():
                return
            self._fresh_until = expiry
        else:
            self._attributes = kept.attributes
        self._state, self._changed_at = kept.state, kept.changed_at

    def hear(self, topic: str, raw: bytes, retained: bool) -> None:
        """Take a message on one of ``topics``."""
        try:
            payload = raw.decode()
        except UnicodeDecodeError:
            self._warn(f"Can't decode payload {raw[:32]!r} on {topic} with encoding utf-8")
            return
        if topic in self._available:
            self._hear_availability(topic, payload)
        if topic == self.config.get("json_attributes_topic"):
            self._hear_attributes(payload)
        if topic == self.config.get("state_topic"):
            self._hear_state(topic, payload, retained)

    def press(self) -> None:
        """Somebody pressed the button."""
        self._show(datetime.now(UTC).isoformat(timespec="milliseconds"))

    def _hear_availability(self, topic: str, payload: str) -> None:
        by = self._available_by[topic]
        if payload == by.get("payload_available", "online"):
            self._available[topic] = True
        elif payload == by.get("payload_not_available", "offline"):
            self._available[topic] = False

    def _hear_attributes(self, payload: str) -> None:
        rendered = self._rendered("json_attributes_template", payload)
        if rendered is None:
            return
        try:
            attributes = json.loads(rendered)
        except ValueError:
            self._warn(f"Erroneous JSON: {rendered}")
            return
        if not isinstance(attributes, dict):
            self._warn("JSON result was not a dictionary")
            return
        self._attributes = {k: v for k, v in attributes.items() if k not in BLOCKED_ATTRIBUTES}
        if len(json.dumps(self._attributes).encode()) > MAX_ATTRIBUTES_BYTES:
            self._warn(f"State attributes for {self.entity_id} exceed maximum size of 16384 bytes")

    def _hear_state(self, topic: str, payload: str, retained: bool) -> None:
        if self.config.get("expire_after"):
            self._fresh_until = self._clock() + self.config["expire_after"] * self._expiry_scale
        if self.platform == "event" and retained:
            return
        value = self._rendered("value_template", payload)
        if value is not None:
            _HEAR[self.platform](self, topic, value)

    def _rendered(self, key: str, payload: str) -> str | None:
        """The payload through the template that this key names; None if that is in error."""
        try:
            return self._templates.render(self.config.get(key), payload)
        except TemplateError as error:
            self._warn(f"ERROR: {key} of {self.entity_id}: {error}")
            return None

    def _show(self, state: str) -> None:
        if len(state) > MAX_STATE:
            self._warn(
                f"Cannot update state for entity {self.entity_id}: {len(state)} characters, at most 255"
            )
            self._warn(
                f"State {state[:20]}... for {self.entity_id} is longer than 255, falling back to unknown"
            )
            state = UNKNOWN
        if state != self._state:
            self._changed_at = self._clock()
        self._state = state

    # --- Platforms ---

    def _sensor(self, topic: str, value: str) -> None:
        kind = self.config.get("device_class")
        if value == "None":
            self._show(UNKNOWN)
        elif self._is_numeric:
            self._number_of_sensor(value)
        elif kind == "enum" and value not in self.config["options"]:
            self._warn(f"Ignoring invalid option received on topic '{topic}', got '{value}'")
        elif kind == "timestamp" and not _is_zoned(value):
            self._warn(f"Invalid state message '{value}' from '{topic}'")
            self._show(UNKNOWN)
        else:
            self._show(value)

    @property
    def _is_numeric(self) -> bool:
        if self.config.get("device_class") in ("enum", "timestamp", "date"):
            return False
        asks = ("device_class", "unit_of_measurement", "state_class", "suggested_display_precision")
        return any(self.config.get(key) is not None for key in asks)

    def _number_of_sensor(self, value: str) -> None:
        if value == "":
            return
        number = _number(value)
        if number is None or number != number:
            self._warn(f"ERROR: {self.entity_id} has the non-numeric value '{value}'")
            return
        self._show(value)

    def _binary_sensor(self, topic: str, value: str) -> None:
        self._two_states(value, self.config.get("payload_on", "ON"), self.config.get("payload_off", "OFF"))

    def _switch(self, topic: str, value: str) -> None:
        on = self.config.get("state_on", self.config.get("payload_on", "ON"))
        self._two_states(value, on, self.config.get("state_off", self.config.get("payload_off", "OFF")))

    def _two_states(self, value: str, on: str, off: str) -> None:
        """Anything else is ignored, below the level of a warning."""
        known = {on: "on", off: "off", "None": UNKNOWN}
        if value in known:
            self._show(known[value])

    def _number(self, topic: str, value: str) -> None:
        number = _number(value)
        if value == self.config.get("payload_reset", "None"):
            self._show(UNKNOWN)
        elif number is None:
            self._warn(f"Payload '{value}' is not a Number")
        elif not self.config.get("min", 1) <= number <= self.config.get("max", 100):
            self._warn(f"ERROR: Invalid value for {self.entity_id}: {value}")
        else:
            self._show(value)

    def _select(self, topic: str, value: str) -> None:
        if value.lower() == "none":
            self._show(UNKNOWN)
        elif value not in self.config["options"]:
            self._warn(f"ERROR: Invalid option for {self.entity_id}: '{value}'")
        else:
            self._show(value)

    def _event(self, topic: str, value: str) -> None:
        if value in ("", "None", "{}"):
            return
        try:
            event = json.loads(value)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            self._warn(f"No valid JSON event payload detected, '{value}' on topic {topic}")
        elif "event_type" not in event:
            self._warn(f"`event_type` missing in JSON event payload, '{value}' on topic {topic}")
        elif event["event_type"] not in self.config["event_types"]:
            self._warn(f"Invalid event type {event['event_type']} for {self.entity_id} on topic {topic}")
        else:
            self._attributes = event
            self._fired(self.entity_id, event)
            self._show(datetime.now(UTC).isoformat(timespec="milliseconds"))

    def _silent(self, topic: str, value: str) -> None:
        """Nothing comes from there."""


_HEAR: dict[str, Callable[[Entity, str, str], None]] = {
    "sensor": Entity._sensor,
    "binary_sensor": Entity._binary_sensor,
    "switch": Entity._switch,
    "number": Entity._number,
    "select": Entity._select,
    "event": Entity._event,
    "button": Entity._silent,
    "notify": Entity._silent,
}
PLATFORMS = frozenset(_HEAR)
"""Those that are simulated."""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_zoned(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
