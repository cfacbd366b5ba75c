"""The discovery message: what it says, and that it is made of its arguments alone."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from moshi_speaker.events import State
from moshi_speaker.home.discovery import Device, announcement, entity_id, unique_id, withdrawal
from moshi_speaker.home.topics import Topics

TOPICS = Topics("moshi-speaker", "kitchen")
DEVICE = Device("Kitchen Moshi", "0.1.0", "Mac16,10", None, ("hey_jarvis", "okay_nabu", "off"))
KEYS = [
    *("state", "conversation", "problem", "wake", "conversation_event"),
    *("transcript_user", "transcript_assistant", "last_user", "last_assistant"),
    *("mute", "start", "stop", "restart", "volume", "wake_sensitivity", "wake_word"),
    *("rtf", "frame_latency_p95", "dropped_frames", "echo_reduction", "wake_near_misses"),
    *("model", "model_memory", "started"),
]
HIDDEN = {"transcript_user", "transcript_assistant", "last_user", "last_assistant", "model_memory"}


def told(
    device: Device = DEVICE, topics: Topics = TOPICS, removed: Iterable[tuple[str, str]] = ()
) -> dict[str, Any]:
    payload = json.loads(announcement(topics, "homeassistant", device, removed).payload)
    assert isinstance(payload, dict)
    return payload


def test_it_is_one_small_retained_message_with_written_out_keys() -> None:
    message = announcement(TOPICS, "homeassistant", DEVICE)
    assert message.topic == "homeassistant/device/moshi_speaker_kitchen/config"
    assert (message.qos, message.retain) == (1, True)
    assert len(message.payload.encode()) < 10_000
    assert not {"dev", "o", "cmps"} & set(told())
    assert set(told()) == {"device", "origin", "availability", "availability_mode", "qos", "components"}


def test_it_has_every_entity_and_no_other() -> None:
    components = told()["components"]
    assert list(components) == KEYS
    assert {key for key in components if components[key].get("enabled_by_default") is False} == HIDDEN
    assert components["state"]["options"] == [state.value for state in State]
    assert components["wake_word"]["options"] == ["hey_jarvis", "okay_nabu", "off"]


def test_the_device_says_what_is_known_of_it() -> None:
    device = told()["device"]
    assert device == {
        "identifiers": ["moshi_speaker_kitchen"],
        "name": "Kitchen Moshi",
        "manufacturer": "moshi-speaker",
        "model": "Moshi speaker",
        "sw_version": "0.1.0",
        "hw_version": "Mac16,10",
    }
    elsewhere = told(Device("Moshi", "0.2.0", "", "Kitchen", ("off",)))["device"]
    assert "hw_version" not in elsewhere
    assert elsewhere["suggested_area"] == "Kitchen"


def test_a_removed_entity_is_told_by_its_platform_alone() -> None:
    components = told(removed=[("chime", "siren"), ("level", "sensor")])["components"]
    assert list(components) == [*KEYS, "chime", "level"]
    assert components["chime"] == {"platform": "siren"}
    assert components["level"] == {"platform": "sensor"}


def test_an_empty_message_takes_all_away() -> None:
    message = withdrawal(TOPICS, "homeassistant")
    assert message.topic == announcement(TOPICS, "homeassistant", DEVICE).topic
    assert (message.payload, message.qos, message.retain) == ("", 1, True)


def test_prefix_and_base_are_those_of_the_settings() -> None:
    topics = Topics("house/voice", "kitchen")
    assert announcement(topics, "ha/disco", DEVICE).topic == "ha/disco/device/moshi_speaker_kitchen/config"
    assert told(topics=topics)["components"]["mute"]["command_topic"] == "house/voice/kitchen/mute/set"
    assert told(topics=topics)["availability"] == [{"topic": "house/voice/kitchen/availability"}]


@pytest.mark.parametrize(
    ("device_id", "slug"),
    [
        ("kitchen", "kitchen"),
        ("Kitchen-2", "kitchen_2"),
        ("living__room", "living_room"),
        ("-a_", "a"),
        ("4f2a", "4f2a"),
    ],
)
def test_entity_ids_are_written_as_home_assistant_does(device_id: str, slug: str) -> None:
    assert entity_id("sensor", device_id, "state") == f"sensor.moshi_speaker_{slug}_state"
    assert unique_id(device_id, "state") == f"moshi_speaker_{device_id}_state"
