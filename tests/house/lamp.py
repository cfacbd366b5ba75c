"""A simple device that announces itself to Home Assistant."""

import json
from typing import Any

from paho.mqtt import publish

from tests.house.entities import EntityState
from tests.house.home_assistant import HomeAssistant

TOPIC = "homeassistant/device/lamp/config"
STATE = "sensor.lamp_state"


def component(platform: str, key: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (any option)
    own = {"platform": platform, "unique_id": f"lamp_{key}", "default_entity_id": f"{platform}.lamp_{key}"}
    topic = {} if platform == "button" else {"state_topic": f"lamp/{key}"}
    if platform in ("switch", "number", "select"):
        topic["command_topic"] = f"lamp/{key}/set"
    return {**own, "name": key.title(), **topic, **more}


def message(**components: dict[str, Any]) -> str:
    return json.dumps(
        {
            "device": {"identifiers": ["lamp"], "name": "Lamp"},
            "origin": {"name": "lamp"},
            "availability": [{"topic": "lamp/availability"}],
            "availability_mode": "all",
            "qos": 1,
            "components": components,
        }
    )


class Lamp:
    """A device at the broker."""

    def __init__(self, port: int) -> None:
        self._port = port

    def tell(self, topic: str, payload: str | bytes | None, *, retain: bool = True) -> None:
        publish.single(topic, payload, qos=1, retain=retain, hostname="127.0.0.1", port=self._port)

    def announce(self, **components: dict[str, Any]) -> None:
        self.tell(TOPIC, message(**components))

    def sensor(self, **more: Any) -> None:  # noqa: ANN401 (any option)
        """Announce one sensor and be available."""
        self.announce(state=component("sensor", "state", **more))
        self.tell("lamp/availability", "online")


def shows(ha: HomeAssistant, state: str, entity_id: str = STATE) -> EntityState:
    ha.until(lambda states: entity_id in states and states[entity_id].state == state)
    return ha.states[entity_id]
