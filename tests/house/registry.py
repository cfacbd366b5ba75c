"""What Home Assistant knows of devices that announce themselves: discovery, and the registry of entities."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.home.validator import mistakes
from tests.house.entities import PLATFORMS, UNAVAILABLE, Entity, EntityState, Kept
from tests.house.templates import Warn

_TOPIC = re.compile(r"device/(?:([a-zA-Z0-9_-]+)/)?([a-zA-Z0-9_-]+)/config")
_SHARED = (
    "availability",
    "availability_topic",
    "availability_mode",
    "availability_template",
    "payload_available",
    "payload_not_available",
    "state_topic",
    "command_topic",
    "qos",
    "encoding",
)
"""Options of the device message that every component has unless it sets them itself."""

Discovered = tuple[str, str]
"""Platform, and object id with component key: what a component is known by."""


@dataclass
class Entry:
    """What stays of an entity over a restart of Home Assistant."""

    entity_id: str
    device: str
    """First identifier of its device."""
    disabled: bool
    kept: Kept | None = None


class Registry:
    """Discovery messages in, entities out. Not thread-safe: its owner locks."""

    def __init__(
        self,
        prefix: str,
        warn: Warn,
        clock: Callable[[], float],
        fired: Callable[[str, dict[str, Any]], None],
        expiry_scale: float,
    ) -> None:
        self._prefix = prefix
        self._warn = warn
        self._clock = clock
        self._fired = fired
        self._expiry_scale = expiry_scale
        self.entries: dict[Discovered, Entry] = {}
        """By platform and unique id; lasts over restarts."""
        self.devices: dict[str, dict[str, Any]] = {}
        """Devices by their first identifier; lasts over restarts."""
        self._live: dict[Discovered, tuple[str, dict[str, Any], Entity | None]] = {}
        """Discovered components: discovery topic, configuration, and the entity unless it is disabled."""

    @property
    def entities(self) -> Iterator[Entity]:
        """Those that are there and enabled."""
        return (entity for _, _, entity in self._live.values() if entity is not None)

    @property
    def restored(self) -> dict[str, EntityState]:
        """Entities of the registry that nobody has announced since the start."""
        live = {self._entry_of(config, hashed) for hashed, (_, config, _) in self._live.items()}
        return {
            entry.entity_id: EntityState(UNAVAILABLE, {"restored": True})
            for known, entry in self.entries.items()
            if known not in live and not entry.disabled
        }

    def restart(self) -> None:
        """Home Assistant ends: only the registry stays."""
        for hashed, (_, config, entity) in self._live.items():
            if entity is not None:
                self.entries[self._entry_of(config, hashed)].kept = entity.kept()
        self._live.clear()

    def discover(self, topic: str, payload: bytes) -> list[Entity]:
        """Take a discovery message; the entities that are new, or listen to other topics now."""
        match = _TOPIC.fullmatch(topic.removeprefix(f"{self._prefix}/"))
        if match is None:
            self._warn(f"Received message on illegal discovery topic '{topic}'")
            return []
        if not payload:
            self._remove_all(topic)
            return []
        for mistake in mistakes(topic, payload.decode()):
            self._warn(f"ERROR: discovery message on {topic}: {mistake}")
        if not _is_whole(payload):
            return []
        message = json.loads(payload)
        node, name = match.groups()
        self.devices[message["device"]["identifiers"][0]] = message["device"]
        changed = [
            self._component(topic, name, f"{node} {key}" if node else key, component, message)
            for key, component in message["components"].items()
        ]
        return [entity for entity in changed if entity is not None]

    def _component(
        self, topic: str, name: str, key: str, component: dict[str, Any], message: dict[str, Any]
    ) -> Entity | None:
        hashed = (component["platform"], f"{name} {key}")
        if component.keys() == {"platform"}:
            self._remove(hashed)
            return None
        shared = {option: message[option] for option in _SHARED if option in message}
        config = {**shared, **component}
        known = self._live.get(hashed)
        if known is not None and known[1] == config:
            return None
        entity = known[2] if known is not None else self._new(config, message["device"])
        if entity is not None and known is not None:
            entity.update(config)
        self._live[hashed] = (topic, config, entity)
        return entity

    def _new(self, config: dict[str, Any], device: dict[str, Any]) -> Entity | None:
        known = (config["platform"], config["unique_id"])
        if known not in self.entries:
            enabled = config.get("enabled_by_default", True)
            self.entries[known] = Entry(
                self._free_id(config, device), device["identifiers"][0], disabled=not enabled
            )
        entry = self.entries[known]
        if entry.disabled:
            return None
        entity = Entity(
            entry.entity_id, config, self._warn, self._clock, self._fired, expiry_scale=self._expiry_scale
        )
        if entry.kept is not None:
            entity.restore(entry.kept)
        return entity

    def _free_id(self, config: dict[str, Any], device: dict[str, Any]) -> str:
        slug = re.sub(r"[^a-z0-9]+", "_", f"{device.get('name', '')} {config.get('name', '')}".lower())
        wanted = config.get("default_entity_id") or f"{config['platform']}.{slug.strip('_')}"
        taken = {entry.entity_id for entry in self.entries.values()}
        number, entity_id = 1, wanted
        while entity_id in taken:
            number += 1
            entity_id = f"{wanted}_{number}"
        return str(entity_id)

    def _remove_all(self, topic: str) -> None:
        for hashed in [hashed for hashed, (by, _, _) in self._live.items() if by == topic]:
            self._remove(hashed)

    def _remove(self, hashed: Discovered) -> None:
        """Only what was discovered since the start can be removed; of anything else there is no trace."""
        if hashed not in self._live:
            return
        _, config, _ = self._live.pop(hashed)
        del self.entries[self._entry_of(config, hashed)]
        used = {entry.device for entry in self.entries.values()}
        self.devices = {name: device for name, device in self.devices.items() if name in used}

    @staticmethod
    def _entry_of(config: dict[str, Any], hashed: Discovered) -> Discovered:
        return (hashed[0], config["unique_id"])


def _is_whole(payload: bytes) -> bool:
    """Whether a device message is not rejected as a whole."""
    try:
        message = json.loads(payload)
    except ValueError:
        return False
    if not isinstance(message, dict):
        return False
    if not all(isinstance(message.get(key), dict) for key in ("device", "origin", "components")):
        return False
    return all(
        one.get("platform") in PLATFORMS and (len(one) == 1 or "unique_id" in one)
        for one in message["components"].values()
    )
