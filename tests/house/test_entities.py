"""States, attributes and events of the simulation are those of a real Home Assistant."""

import json
from typing import Any

import pytest

from tests.house.home_assistant import HomeAssistant
from tests.house.lamp import STATE, Lamp, component, shows

CLIPPED = "{{ value_json.text | truncate(255, true, '…', 0) }}"


@pytest.mark.parametrize(
    ("options", "payload", "state", "warnings"),
    [
        ({}, "x" * 255, "x" * 255, 0),
        ({}, "x" * 256, "unknown", 2),
        ({"value_template": CLIPPED}, '{"text":"' + "ab " * 200 + '"}', None, 0),
        ({"value_template": "{{ value_json.text }}"}, '{"text":null}', "unknown", 0),
        ({"value_template": "{{ value_json.text }}"}, "{}", "", 1),
        ({"device_class": "enum", "options": ["red"]}, "red", "red", 0),
        ({"device_class": "enum", "options": ["red"]}, "green", "unknown", 1),
        ({"state_class": "measurement"}, "0.57", "0.57", 0),
        ({"state_class": "measurement"}, "much", "unknown", 1),
        ({"state_class": "measurement"}, "nan", "unknown", 1),
        ({"device_class": "timestamp"}, "2026-11-01T10:00:00+00:00", "2026-11-01T10:00:00+00:00", 0),
        ({"device_class": "timestamp"}, "2026-11-01T10:00:00", "unknown", 1),
    ],
)  # fmt: skip
def test_states_of_a_sensor(
    ha: HomeAssistant, lamp: Lamp, options: dict[str, Any], payload: str, state: str | None, warnings: int
) -> None:
    lamp.announce(state=component("sensor", "state", **options), done=component("sensor", "done"))
    lamp.tell("lamp/availability", "online")
    lamp.tell("lamp/state", payload)
    lamp.tell("lamp/done", "yes")
    shows(ha, "yes", "sensor.lamp_done")
    shown = ha.states[STATE].state
    assert shown == state if state is not None else (len(shown) == 255 and shown.endswith("…"))
    assert len(ha.warnings) == warnings


@pytest.mark.parametrize(
    ("platform", "options", "payload", "state", "warnings"),
    [
        ("binary_sensor", {}, "ON", "on", 0),
        ("binary_sensor", {}, "on", "unknown", 0),
        ("switch", {}, "OFF", "off", 0),
        ("number", {"min": 0, "max": 100}, "70", "70", 0),
        ("number", {"min": 0, "max": 100}, "101", "unknown", 1),
        ("number", {}, "loud", "unknown", 1),
        ("select", {"options": ["off", "on"]}, "off", "off", 0),
        ("select", {"options": ["off", "on"]}, "None", "unknown", 0),
        ("select", {"options": ["off", "on"]}, "loud", "unknown", 1),
    ],
)
def test_states_of_other_platforms(
    ha: HomeAssistant,
    lamp: Lamp,
    platform: str,
    options: dict[str, Any],
    payload: str,
    state: str,
    warnings: int,
) -> None:
    lamp.announce(state=component(platform, "state", **options), done=component("sensor", "done"))
    lamp.tell("lamp/availability", "online")
    lamp.tell("lamp/state", payload)
    lamp.tell("lamp/done", "yes")
    shows(ha, "yes", "sensor.lamp_done")
    assert ha.states[f"{platform}.lamp_state"].state == state
    assert len(ha.warnings) == warnings


def test_events_fire_live_and_never_from_what_is_retained(ha: HomeAssistant, lamp: Lamp) -> None:
    rung = component("event", "bell", event_types=["rung"])
    lamp.announce(bell=rung, done=component("sensor", "done"))
    lamp.tell("lamp/availability", "online")
    ha.until(lambda states: "event.lamp_bell" in states)
    ha.settle()
    shows(ha, "unknown", "event.lamp_bell")
    lamp.tell("lamp/bell", '{"event_type":"rung","by":"me","icon":"x"}')  # retained, but live
    ha.until(lambda states: len(ha.fired) == 1)
    assert ha.states["event.lamp_bell"].attributes["by"] == "me"
    before = ha.states["event.lamp_bell"]
    for wrong in ("rung", "{", '{"by":"me"}', '{"event_type":"broken"}'):
        lamp.tell("lamp/bell", wrong, retain=False)
    ha.until(lambda states: len(ha.warnings) == 4)
    ha.restart()
    lamp.tell("lamp/done", "yes")
    shows(ha, "yes", "sensor.lamp_done")
    assert ha.states["event.lamp_bell"] == before
    assert len(ha.fired) == 1


def test_attributes_are_whole_json_objects(ha: HomeAssistant, lamp: Lamp) -> None:
    lamp.sensor(json_attributes_topic="lamp/attributes")
    lamp.tell("lamp/state", "red")
    lamp.tell("lamp/attributes", json.dumps({"text": "x" * 600, "icon": "dropped"}))
    ha.until(lambda states: STATE in states and states[STATE].attributes)
    assert ha.states[STATE].attributes == {"text": "x" * 600}
    lamp.tell("lamp/attributes", "[]")
    lamp.tell("lamp/attributes", "")
    lamp.tell("lamp/attributes", json.dumps({"text": "x" * 17_000}))
    ha.until(lambda states: len(ha.warnings) == 3)
