"""The golden messages are right, and the validator sees each mistake that Home Assistant punishes."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from jinja2 import Environment, StrictUndefined

from moshi_speaker.events import ReportTranscript, Side
from moshi_speaker.home.components import EXPIRE_S, REMOVED, components
from moshi_speaker.home.payloads import Payloads
from moshi_speaker.speaker.vitals import PERIOD_S
from tests.home import golden
from tests.home.golden import KITCHEN, MESSAGES
from tests.home.test_payloads import EPOCH, NOTHING_KNOWN
from tests.home.validator import mistakes

Change = Callable[[dict[str, Any]], object]
"""Makes a mistake in a message."""

TOPIC = MESSAGES["default"].topic


def changed(change: Change) -> list[str]:
    """The mistakes in the default message after a change."""
    message = json.loads(MESSAGES["default"].payload)
    change(message)
    return mistakes(TOPIC, json.dumps(message))


def with_(key: str, **fields: object) -> Change:
    """Set fields of a component."""
    return lambda message: message["components"][key].update(fields)


def without(key: str, field: str) -> Change:
    """Take a field out of a component."""
    return lambda message: message["components"][key].pop(field)


def new(**component: object) -> Change:
    """Add a component that is right but for what is given."""
    whole = {
        "unique_id": "x",
        "default_entity_id": f"{component['platform']}.x",
        "name": "X",
        "state_topic": "x",
        "command_topic": "x/set",
    }
    if component["platform"] in ("sensor", "binary_sensor", "event"):
        del whole["command_topic"]
    if component["platform"] in ("button", "notify"):
        del whole["state_topic"]
    return lambda message: message["components"].update(x=whole | component)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_golden_message_has_no_mistake(name: str) -> None:
    assert mistakes(MESSAGES[name].topic, MESSAGES[name].payload) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_the_message_is_the_golden_one_byte_for_byte(name: str) -> None:
    assert golden.path(name).read_bytes() == MESSAGES[name].payload.encode()


def test_there_is_no_other_golden_message() -> None:
    assert set(golden.FOLDER.glob("discovery-*")) == set(map(golden.path, MESSAGES))


@pytest.mark.parametrize(
    "right",
    [
        lambda message: None,
        with_("volume", name=None),
        with_("rtf", unit_of_measurement="x"),
        new(platform="text", max=255, pattern="[a-z]+"),
        new(platform="notify"),
        new(platform="siren", available_tones=["bell"]),
        new(platform="sensor", device_class="timestamp"),
        new(platform="sensor", device_class="data_size", unit_of_measurement="GiB", state_class="total"),
        lambda message: message["components"].update(gone={"platform": "camera"}),
        lambda message: message["device"].update(configuration_url="https://example.org/x"),
        lambda message: message["origin"].update(support_url="http://example.org"),
    ],
)
def test_what_home_assistant_takes_is_no_mistake(right: Change) -> None:
    assert changed(right) == []


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (lambda m: m.pop("origin"), "origin is missing"),
        (lambda m: m["origin"].pop("name"), "origin.name is missing"),
        (lambda m: m["origin"].update(url="x"), "origin.url is unknown"),
        (lambda m: m["origin"].update(support_url="example.org"), "support_url is no URL"),
        (lambda m: m.pop("device"), "device is missing"),
        (lambda m: m["device"].pop("identifiers"), "neither identifiers nor connections"),
        (lambda m: m["device"].update(identifiers=[]), "neither identifiers nor connections"),
        (lambda m: m["device"].pop("name"), "device.name is missing"),
        (lambda m: m["device"].update(room="Kitchen"), "device.room is unknown"),
        (lambda m: m["device"].update(sw_version=1), "device.sw_version is no text"),
        (lambda m: m["device"].update(configuration_url="ftp://x"), "configuration_url is no URL"),
        (lambda m: m.update(version=1), "top.version is unknown"),
        (lambda m: m.update({"~": "moshi-speaker/kitchen"}), "top.~ is unknown"),
        (lambda m: m.update(message_expiry_interval=60), "top.message_expiry_interval is unknown"),
        (lambda m: m.update(qos=3), "top.qos 3 is none"),
        (lambda m: m.update(qos=True), "top.qos True is none"),
        (lambda m: m.update(qos=[1]), "is none"),
        (lambda m: m.update(availability_topic="x"), "exclude each other"),
        (lambda m: m.update(availability_mode="some"), "availability_mode 'some' is unknown"),
        (lambda m: m.update(availability=[{}]), "availability without a topic"),
        (lambda m: m["availability"][0].update(mode="all"), "availability.mode is unknown"),
        (lambda m: m["availability"][0].update(topic="a/+"), "has a wildcard"),
        (lambda m: m.pop("components"), "components is missing"),
        (lambda m: m.update(components=list(m["components"].values())), "components is no mapping"),
        (without("state", "platform"), "state.platform is missing"),
        (with_("state", platform="media_player"), "platform 'media_player' is unknown"),
        (with_("state", platform=["sensor"]), "is unknown"),
        (without("state", "unique_id"), "state.unique_id is missing"),
        (with_("state", unique_id="moshi_speaker_kitchen_mute"), "is there twice"),
        (without("state", "default_entity_id"), "state.default_entity_id is missing"),
        (with_("state", default_entity_id="moshi_state"), "is no sensor.<slug>"),
        (with_("state", default_entity_id="switch.moshi_state"), "is no sensor.<slug>"),
        (with_("state", default_entity_id="sensor.moshi-State"), "is no sensor.<slug>"),
        (with_("state", default_entity_id="sensor.moshi__state"), "is no sensor.<slug>"),
        (with_("mute", object_id="mute"), "mute.object_id is unknown"),
        (with_("mute", stat_t="x"), "mute.stat_t is unknown"),
        (without("mute", "name"), "mute.name is missing"),
        (with_("mute", name="Moshi speaker mute"), "mute.name repeats the device's"),
        (with_("mute", icon="microphone"), "is no mdi:name"),
        (with_("mute", entity_category="important"), "entity_category 'important' is none"),
        (with_("state", entity_category="config"), "entity_category 'config' is none of a sensor"),
        (with_("problem", entity_category="config"), "entity_category 'config' is none of a binary_sensor"),
        (with_("mute", enabled_by_default="no"), "neither true nor false"),
        (with_("mute", retain=True), "a command must not be retained"),
        (with_("mute", qos=3), "mute.qos 3 is none"),
        (with_("mute", command_topic="a/+/set"), "has a wildcard"),
        (with_("mute", command_topic="a/#"), "has a wildcard"),
        (with_("mute", command_topic=""), "mute.command_topic is no topic"),
        (with_("mute", state_topic="a\0b"), "mute.state_topic is no topic"),
        (with_("state", availability=[{"topic": "x"}], availability_topic="x"), "exclude each other"),
        (without("state", "state_topic"), "state.state_topic is missing"),
        (without("mute", "command_topic"), "mute.command_topic is missing"),
        (without("start", "command_topic"), "start.command_topic is missing"),
        (without("volume", "command_topic"), "volume.command_topic is missing"),
        (without("wake", "event_types"), "wake.event_types is missing"),
        (with_("wake", event_types=[]), "wake.event_types are empty"),
        (with_("wake", device_class="wake"), "wake.device_class 'wake' is unknown"),
        (with_("restart", device_class="reboot"), "restart.device_class 'reboot' is unknown"),
        (with_("rtf", device_class="speed_factor"), "rtf.device_class 'speed_factor' is unknown"),
        (with_("started", device_class="uptime"), "started.device_class 'uptime' is unknown"),
        (with_("conversation", device_class="talking"), "is unknown"),
        (with_("frame_latency_p95", unit_of_measurement="seconds"), "does not go with duration"),
        (with_("started", unit_of_measurement="s"), "does not go with timestamp"),
        (with_("started", state_class="measurement"), "state_class does not go with timestamp"),
        (without("model_memory", "unit_of_measurement"), "unit_of_measurement is missing"),
        (with_("rtf", state_class="growing"), "state_class 'growing' is unknown"),
        (with_("rtf", state_class="measurement_angle"), "measurement_angle is °"),
        (with_("rtf", last_reset_value_template="{{ 0 }}"), "the state class total alone"),
        (without("state", "options"), "go together"),
        (without("state", "device_class"), "go together"),
        (with_("state", options=[]), "state.options are empty"),
        (with_("state", unit_of_measurement="x"), "unit_of_measurement 'x' does not go with enum"),
        (with_("state", state_class="measurement"), "state_class does not go with enum"),
        (with_("rtf", expire_after=-1), "rtf.expire_after is no whole number"),
        (with_("rtf", expire_after=1.5), "rtf.expire_after is no whole number"),
        (with_("rtf", value_template="{{ value_json.rtf"), "is no template"),
        (with_("rtf", value_template="value_json.rtf"), "is no template"),
        (with_("last_user", value_template="{{ value_json.text | truncate(255) }}"), "the leeway is missing"),
        (with_("volume", step=0.0001), "volume.step is below 0.001"),
        (with_("volume", min=101), "volume.min is above max"),
        (with_("volume", max="100"), "min, max and step are numbers"),
        (with_("volume", mode="wheel"), "volume.mode 'wheel' is unknown"),
        (without("wake_word", "options"), "wake_word.options is missing"),
        (with_("wake_word", options=[]), "wake_word.options are empty"),
        (with_("wake_word", options=["a", "None"]), "would mean that the state is not known"),
        (with_("wake_word", options=["a", "a"]), "wake_word.options repeat one"),
        (with_("wake_word", options=["a", "b" * 256]), "longer than a state may be"),
        (new(platform="text", max=256), "min and max are from 0 to 255"),
        (new(platform="text", min=9, max=8), "in order"),
        (new(platform="text", pattern="["), "is no regular expression"),
        (new(platform="text", mode="secret"), "x.mode 'secret' is unknown"),
        (new(platform="update", state_topic=None), "x.state_topic is no topic"),
        (new(platform="vacuum"), "is none that these rules know"),
    ],
)
def test_a_mistake_is_seen(mistake: Change, says: str) -> None:
    assert any(says in line for line in changed(mistake)), changed(mistake)


@pytest.mark.parametrize("payload", ["{", "[]", "null", '"x"', "{'device': 1}"])
def test_what_is_no_json_object_is_a_mistake(payload: str) -> None:
    (line,) = mistakes(TOPIC, payload)
    assert line.startswith("no JSON")


@pytest.mark.parametrize(
    "topic",
    [
        "homeassistant/device/moshi.speaker/config",
        "homeassistant/device/küche/config",
        "homeassistant/device/config",
        "homeassistant/sensor/x/config",
        "homeassistant/device/a/b/c/config",
        "homeassistant/device/x",
    ],
)
def test_a_topic_that_home_assistant_does_not_look_at_is_a_mistake(topic: str) -> None:
    assert mistakes(topic, "") == [f"illegal discovery topic {topic}"]
    assert mistakes(TOPIC, "") == []


# --- What the message says must fit to what else is published ---


def sample(topic: str) -> dict[str, Any]:
    """What is published there while nothing is known."""
    payloads = Payloads(KITCHEN, lambda at: EPOCH)
    said = [payloads.happening(ReportTranscript("c1", "hello", 1, 1.0, side), "e1") for side in Side]
    (message,) = [m for m in (*payloads.messages(NOTHING_KNOWN), *said) if m.topic == topic]
    published = json.loads(message.payload)
    assert isinstance(published, dict)
    return published


@pytest.mark.parametrize(
    "key",
    [key for key, entity in components(KITCHEN, ("off",)).items() if "value_template" in entity],
)
def test_a_template_looks_at_what_is_always_there(key: str) -> None:
    entity = components(KITCHEN, ("off",))[key]
    template, value = str(entity["value_template"]), sample(str(entity["state_topic"]))
    expression = template.removeprefix("{{ ").split()[0]
    assert expression.startswith("value_json.")
    for name in expression.split(".")[1:]:
        assert name in value, expression
        value = value[name]


def rendered(template: object, payload: str) -> str:
    """As Home Assistant renders it, whose expressions are those of Jinja."""
    values = {"value": payload}
    with suppress(ValueError):
        values["value_json"] = json.loads(payload)
    return Environment(undefined=StrictUndefined).from_string(str(template)).render(values).strip()


@pytest.mark.parametrize("side", ["user", "assistant"])
def test_a_long_text_is_clipped_in_the_state_and_whole_in_the_attributes(side: str) -> None:
    entity = components(KITCHEN, ("off",))[f"last_{side}"]
    template, attributes = entity["value_template"], entity["json_attributes_template"]
    for length in (0, 1, 254, 255, 256, 260, 600):
        payload = json.dumps({"text": "é" * length, "ts": None})
        state = rendered(template, payload)
        assert len(state) == min(length, 255)
        assert state.endswith("…") is (length > 255)
        assert json.loads(rendered(attributes, payload)) == json.loads(payload)
    assert rendered(template, "") == "None", "what Home Assistant takes for unknown"
    assert rendered(attributes, "") == "{}"


def test_what_expires_comes_often_enough_and_nothing_else_expires() -> None:
    for key, entity in components(KITCHEN, ("off",)).items():
        periodic = entity.get("state_topic") == KITCHEN.diagnostics
        assert entity.get("expire_after") == (EXPIRE_S if periodic else None), key
    assert EXPIRE_S >= 3 * PERIOD_S


def test_entities_look_at_topics_that_there_are_and_command_where_somebody_listens() -> None:
    events = {KITCHEN.wake_event, KITCHEN.conversation_event}
    for key, entity in components(KITCHEN, ("off",)).items():
        assert entity.get("command_topic", KITCHEN.mute_set) in KITCHEN.commands, key
        for field in ("state_topic", "json_attributes_topic"):
            assert entity.get(field, KITCHEN.state) in {*KITCHEN.retained, *events}, key


def test_no_key_of_a_removed_entity_is_used_again() -> None:
    assert not {key for key, _ in REMOVED} & components(KITCHEN, ("off",)).keys()
