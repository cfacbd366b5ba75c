"""What Home Assistant is told of the device and its entities: one retained message.

Made from its arguments alone. Keys are written out, since people read the message too.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from moshi_speaker import __version__
from moshi_speaker.events import Json
from moshi_speaker.home.components import REMOVED, Component, components
from moshi_speaker.home.payloads import Message
from moshi_speaker.home.topics import Topics, discovery
from moshi_speaker.settings import Settings

NAME = "moshi-speaker"
"""Who makes the device, and the program that tells of it."""
MODEL = "Moshi speaker"


@dataclass(frozen=True, slots=True)
class Device:
    """What is told of the device itself."""

    name: str
    """What people call it."""
    version: str
    """Version of this program."""
    hardware: str
    """Which machine it runs on; empty if unknown."""
    area: str | None
    """Where Home Assistant shall suggest that it is."""
    wake_words: tuple[str, ...]
    """What may be chosen to listen for."""

    @classmethod
    def from_settings(cls, settings: Settings, hardware: str, wake_words: tuple[str, ...]) -> "Device":
        """The device of these settings, and this version."""
        return cls(settings.speaker.name, __version__, hardware, settings.mqtt.discovery.area, wake_words)


def announcement(
    topics: Topics, prefix: str, device: Device, removed: Iterable[tuple[str, str]] = REMOVED
) -> Message:
    """The message that lets Home Assistant know the device; ``prefix`` is that of all discovery topics.

    ``removed`` are key and platform of entities that shall vanish.
    """
    payload: Json = {
        "device": _device(topics, device),
        "origin": {"name": NAME, "sw_version": device.version},
        "availability": [{"topic": topics.availability}],
        "availability_mode": "all",
        "qos": 1,
        "components": {
            **{
                key: _identified(topics, key, component)
                for key, component in components(topics, device.wake_words).items()
            },
            **{key: {"platform": platform} for key, platform in removed},
        },
    }
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Message(discovery(prefix, topics.device_id), text, qos=1, retain=True)


def withdrawal(topics: Topics, prefix: str) -> Message:
    """The message that lets Home Assistant forget the device and all of its entities."""
    return Message(discovery(prefix, topics.device_id), "", qos=1, retain=True)


def entity_id(platform: str, device_id: str, key: str) -> str:
    """The id by which Home Assistant shall know an entity: in small letters, with single underscores."""
    return f"{platform}.{re.sub(r'[^a-z0-9]+', '_', unique_id(device_id, key).lower())}"


def unique_id(device_id: str, key: str) -> str:
    """What Home Assistant recognises an entity by, whatever its name and id become."""
    return f"moshi_speaker_{device_id}_{key}"


def _device(topics: Topics, device: Device) -> dict[str, Json]:
    return {
        "identifiers": [f"moshi_speaker_{topics.device_id}"],
        "name": device.name,
        "manufacturer": NAME,
        "model": MODEL,
        "sw_version": device.version,
        **({"hw_version": device.hardware} if device.hardware else {}),
        **({"suggested_area": device.area} if device.area else {}),
    }


def _identified(topics: Topics, key: str, component: Component) -> Component:
    platform = str(component["platform"])
    return {
        "platform": platform,
        "unique_id": unique_id(topics.device_id, key),
        "default_entity_id": entity_id(platform, topics.device_id, key),
        **component,
    }
