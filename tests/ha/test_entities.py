"""Every entity is there, under the id that we promise, and nothing in Home Assistant complains."""

from collections.abc import Iterator

import pytest

from tests.ha.house import ID, House, entity
from tests.room.house import Speaker

pytestmark = pytest.mark.homeassistant

ON_AT_FIRST = {
    "sensor.state",
    "binary_sensor.conversation",
    "binary_sensor.problem",
    "event.wake",
    "event.conversation_event",
    "switch.mute",
    "button.start",
    "button.stop",
    "button.restart",
    "number.volume",
    "number.wake_sensitivity",
    "select.wake_word",
    "sensor.rtf",
    "sensor.frame_latency_p95",
    "sensor.dropped_frames",
    "sensor.echo_reduction",
    "sensor.wake_near_misses",
    "sensor.model",
    "sensor.started",
}
OFF_AT_FIRST = {
    "event.transcript_user",
    "event.transcript_assistant",
    "sensor.last_user",
    "sensor.last_assistant",
    "sensor.model_memory",
}
WITHOUT_A_STATE = {
    "event.wake",
    "event.conversation_event",
    "button.start",
    "button.stop",
    "button.restart",
    "sensor.frame_latency_p95",
    "sensor.echo_reduction",
}
"""Those that say ``unknown`` until something happens."""


@pytest.fixture(scope="module")
def speaker(house: House) -> Iterator[Speaker]:
    """A speaker that has just started."""
    with house.speaker() as speaker:
        yield speaker


def test_exactly_these_entities_appear_under_exactly_these_ids(house: House, speaker: Speaker) -> None:
    registry = {entry["entity_id"]: entry for entry in house.registry()}

    assert set(registry) == {entity(key) for key in ON_AT_FIRST | OFF_AT_FIRST}
    off = {name for name, entry in registry.items() if entry["disabled_by"] == "integration"}
    assert off == {entity(key) for key in OFF_AT_FIRST}
    unique = house.api.ask("config/entity_registry/get_entries", entity_ids=[*registry]).values()
    assert {entry["unique_id"] for entry in unique} == {
        f"moshi_speaker_{ID}_{key.split('.')[1]}" for key in ON_AT_FIRST | OFF_AT_FIRST
    }


def test_all_of_them_belong_to_one_device(house: House, speaker: Speaker) -> None:
    devices = {entry["device_id"] for entry in house.registry()}
    (device,) = [d for d in house.api.ask("config/device_registry/list") if d["id"] in devices]

    assert len(devices) == 1
    assert device["name"] == "Kitchen Moshi"
    assert device["manufacturer"] == "moshi-speaker"
    assert ["mqtt", f"moshi_speaker_{ID}"] in device["identifiers"]


def test_every_entity_says_something_at_once(house: House, speaker: Speaker) -> None:
    house.api.expect(entity("sensor.state"), "idle")
    for key in ON_AT_FIRST - WITHOUT_A_STATE:
        house.api.knows(entity(key))
    for key in WITHOUT_A_STATE:
        assert house.api.state(entity(key)) == "unknown", key


def test_what_is_off_at_first_works_once_it_is_enabled(house: House, speaker: Speaker) -> None:
    house.enable(*sorted(OFF_AT_FIRST))
    house.api.knows(entity("sensor.model_memory"))

    house.talk(speaker)
    said = speaker.witness.latest_fields("transcript/assistant")
    house.api.shows(entity("event.transcript_assistant"), text=said["text"], event_type="final", late=False)
    house.api.shows(entity("sensor.last_assistant"), text=said["text"])


def test_nobody_complains_of_us(house: House, speaker: Speaker) -> None:
    assert house.ha.complaints() == []
