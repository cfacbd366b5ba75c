"""Devices and entities come, go and come back, as the speaker says."""

import json
from collections.abc import Callable

import pytest

from moshi_speaker.home.discovery import Device, announcement
from moshi_speaker.home.topics import Topics
from tests.ha.house import ID, House, entity

pytestmark = pytest.mark.homeassistant

DEVICE = Device("Kitchen Moshi", "0.1.0", "", None, ("hey_jarvis", "off"))
GONE = "sensor.moshi_speaker_kitchen_gone"


def test_remove_leaves_nothing_and_a_new_start_brings_all_back(house: House) -> None:
    with house.speaker() as speaker:
        speaker.program.stop()
    before = {entry["entity_id"] for entry in house.registry()}

    with house.program("mqtt", "remove", "--yes") as program:
        assert program.wait() == 0, program.stderr.text
    house.api.expect(entity("sensor.state"), None)

    assert house.registry() == []
    assert [
        d for d in house.api.ask("config/device_registry/list") if d["manufacturer"] == "moshi-speaker"
    ] == []
    assert house.retained() == {}
    with house.speaker():
        assert {entry["entity_id"] for entry in house.registry()} == before


def test_an_entity_that_an_upgrade_removes_vanishes(house: House) -> None:
    topics = Topics("moshi-speaker", ID)
    _tell(house, *_with_another(topics))
    house.api.expect(GONE, "unavailable")

    new = announcement(topics, "homeassistant", DEVICE, removed=[("gone", "sensor")])
    _tell(house, new.topic, new.payload)

    house.api.expect(GONE, None)
    assert GONE not in {entry["entity_id"] for entry in house.registry()}


def test_what_an_upgrade_removes_while_home_assistant_is_away_takes_a_detour(house: House) -> None:
    """It does not know what the entity is that shall go; told once more what it was, it lets it go."""
    topics = Topics("moshi-speaker", ID)
    earlier = _with_another(topics)
    _tell(house, *earlier)
    house.api.expect(GONE, "unavailable")
    house.stop_homeassistant()
    new = announcement(topics, "homeassistant", DEVICE, removed=[("gone", "sensor")])
    _tell(house, new.topic, new.payload)
    house.start_homeassistant()
    house.api.until(
        lambda: "restored" not in house.api.states[entity("sensor.state")]["attributes"],
        lambda: "no discovery",
    )
    house.api.shows(GONE, restored=True)

    _tell(house, *earlier)
    _tell(house, new.topic, new.payload)

    house.api.expect(GONE, None)


def _with_another(topics: Topics) -> tuple[str, str]:
    """The message of an earlier version, which had one entity more."""
    message = announcement(topics, "homeassistant", DEVICE)
    fields = json.loads(message.payload)
    fields["components"]["gone"] = {
        "platform": "sensor",
        "unique_id": f"moshi_speaker_{ID}_gone",
        "default_entity_id": GONE,
        "state_topic": f"moshi-speaker/{ID}/gone",
    }
    return message.topic, json.dumps(fields)


def _tell(house: House, topic: str, payload: str) -> None:
    house.publish(topic, payload, retain=True)


def test_two_speakers_are_two_devices(house: House) -> None:
    other = {"id": "Living-Room_2", "name": "Sofa Moshi", "state_dir": str(house.folder / "other")}
    with house.speaker(), house.program("run", speaker=other):
        house.api.expect("sensor.moshi_speaker_living_room_2_state", "idle")
        house.api.do("switch.turn_on", "switch.moshi_speaker_living_room_2_mute")
        house.api.expect("sensor.moshi_speaker_living_room_2_state", "muted")

        assert house.api.state(entity("sensor.state")) == "idle"
        devices = {entry["device_id"] for entry in house.registry()}
        assert len(devices) == 2


def test_an_area_is_suggested_and_the_ids_stay_the_same(make_house: Callable[..., House]) -> None:
    house = make_house()
    with house.speaker(mqtt={"discovery": {"area": "Kitchen"}}):
        (device,) = [
            d for d in house.api.ask("config/device_registry/list") if d["manufacturer"] == "moshi-speaker"
        ]
        areas = {area["area_id"]: area["name"] for area in house.api.ask("config/area_registry/list")}
        assert areas[device["area_id"]] == "Kitchen"
        assert entity("sensor.state") in {entry["entity_id"] for entry in house.registry()}
    assert house.ha.complaints() == [], "\n".join(house.ha.complaints())


def test_nobody_complains_of_us(house: House) -> None:
    assert house.ha.complaints() == [], "\n".join(house.ha.complaints())
