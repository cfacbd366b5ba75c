"""Judges a discovery message as Home Assistant would, by the rules that were tried on one.

``mistakes`` gives one line for each thing that would make Home Assistant reject the device or an entity,
warn in its log, or give another entity id than the one that was meant.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.home.accepted import (
    AVAILABILITY_KEYS,
    AVAILABILITY_MODES,
    COMMON_KEYS,
    DEVICE_KEYS,
    ENTITIES,
    ORIGIN_KEYS,
    PLATFORMS,
    QOS,
    TOP_KEYS,
    TOPIC_OF_A_DEVICE,
    UNITS,
    WITHOUT_STATE_CLASS,
    Platform,
)

LONGEST_STATE = 255
"""Characters."""
SMALLEST_STEP = 0.001
_EXPRESSION = r"\{\{ ([^{}']|'[^']*')+ \}\}"

Fields = dict[str, Any]


def mistakes(topic: str, payload: str) -> list[str]:
    """Everything that is wrong with the message. One that is empty takes the device away, and is right."""
    found = [] if re.fullmatch(TOPIC_OF_A_DEVICE, topic) else [f"illegal discovery topic {topic}"]
    if not payload:
        return found
    try:
        message = json.loads(payload)
    except ValueError:
        return [*found, "no JSON"]
    if not isinstance(message, dict):
        return [*found, "no JSON object"]
    return [*found, *_message(message)]


def _message(message: Fields) -> Iterator[str]:
    yield from _unknown("top", message, TOP_KEYS)
    for key in ("device", "origin", "components"):
        if key not in message:
            yield f"{key} is missing"
        elif not isinstance(message[key], dict):
            yield f"{key} is no mapping"
    yield from _availability("top", message)
    yield from _topics("top", message)
    if isinstance(device := message.get("device"), dict):
        yield from _device(device)
    if isinstance(origin := message.get("origin"), dict):
        yield from _origin(origin)
    if isinstance(components := message.get("components"), dict):
        yield from _components(components, str((device or {}).get("name")))


def _device(device: Fields) -> Iterator[str]:
    yield from _unknown("device", device, DEVICE_KEYS)
    identifiers = device.get("identifiers")
    if not identifiers and not device.get("connections"):
        yield "device has neither identifiers nor connections"
    if identifiers is not None and not _texts(identifiers):
        yield "device.identifiers are no texts"
    if not device.get("name"):
        yield "device.name is missing: entity ids would come from the broker's name"
    if "configuration_url" in device and not _is_url(device["configuration_url"]):
        yield "device.configuration_url is no URL of http, https or homeassistant"
    for key in device.keys() - {"identifiers", "connections"}:
        if not isinstance(device[key], str):
            yield f"device.{key} is no text"


def _origin(origin: Fields) -> Iterator[str]:
    yield from _unknown("origin", origin, ORIGIN_KEYS)
    if not origin.get("name"):
        yield "origin.name is missing"
    if "support_url" in origin and not _is_url(origin["support_url"]):
        yield "origin.support_url is no URL"


def _components(components: Fields, device_name: str) -> Iterator[str]:
    for key, component in components.items():
        if not key:
            yield "a component without a key"
        if not isinstance(component, dict):
            yield f"{key} is no mapping"
        elif "platform" not in component:
            yield f"{key}.platform is missing"
        elif not _one_of(component["platform"], PLATFORMS):
            yield f"{key}.platform {component['platform']!r} is unknown"
        elif len(component) > 1:  # less is a stub, which removes the entity
            yield from _entity(key, component, device_name)
    for field in ("unique_id", "default_entity_id"):
        yield from _repeated(field, components.values())


def _entity(key: str, entity: Fields, device_name: str) -> Iterator[str]:
    platform = ENTITIES.get(entity["platform"])
    if platform is None:
        yield f"{key}.platform {entity['platform']!r} is none that these rules know"
        return
    yield from _unknown(key, entity, COMMON_KEYS | platform.required | platform.optional)
    yield from (f"{key}.{missing} is missing" for missing in sorted(platform.required - entity.keys()))
    yield from _identity(key, entity)
    yield from _looks(key, entity, platform, device_name)
    yield from _topics(key, entity)
    yield from _availability(key, entity)
    yield from _templates(key, entity)
    yield from _values(key, entity, platform)
    if (rules := _RULES.get(entity["platform"])) is not None:
        yield from rules(key, entity)


def _identity(key: str, entity: Fields) -> Iterator[str]:
    if not isinstance(entity.get("unique_id"), str) or not entity["unique_id"]:
        yield f"{key}.unique_id is missing"
    wanted = entity.get("default_entity_id")
    if not isinstance(wanted, str):
        yield f"{key}.default_entity_id is missing"
    elif not re.fullmatch(rf"{entity['platform']}\.[a-z0-9]+(_[a-z0-9]+)*", wanted):
        yield f"{key}.default_entity_id {wanted!r} is no {entity['platform']}.<slug>"


def _looks(key: str, entity: Fields, platform: Platform, device_name: str) -> Iterator[str]:
    name = entity.get("name", "")
    if name is not None and (not isinstance(name, str) or not name):
        yield f"{key}.name is missing"
    elif name and name.lower().startswith(device_name.lower()):
        yield f"{key}.name repeats the device's"
    if "icon" in entity and not re.fullmatch(r"mdi:[a-z0-9]+(-[a-z0-9]+)*", str(entity["icon"])):
        yield f"{key}.icon {entity['icon']!r} is no mdi:name"
    if "entity_category" in entity and not _one_of(entity["entity_category"], platform.categories):
        yield f"{key}.entity_category {entity['entity_category']!r} is none of a {entity['platform']}"
    if not isinstance(entity.get("enabled_by_default", True), bool):
        yield f"{key}.enabled_by_default is neither true nor false"


def _values(key: str, entity: Fields, platform: Platform) -> Iterator[str]:
    kind = str(entity.get("device_class"))
    if "device_class" in entity and platform.classes and kind not in platform.classes:
        yield f"{key}.device_class {kind!r} is unknown"
    for choice, values in platform.choices.items():
        if choice in entity and not _one_of(entity[choice], values):
            yield f"{key}.{choice} {entity[choice]!r} is unknown"
    unit = entity.get("unit_of_measurement")
    if unit is not None and kind in UNITS and not _one_of(unit, UNITS[kind]):
        yield f"{key}.unit_of_measurement {unit!r} does not go with {kind}"
    if entity.get("retain", False) is not False:
        yield f"{key}.retain: a command must not be retained"
    for count in ("expire_after", "suggested_display_precision", "off_delay"):
        if count in entity and not _is_count(entity[count]):
            yield f"{key}.{count} is no whole number from 0"


def _topics(key: str, fields: Fields) -> Iterator[str]:
    if "qos" in fields and not _one_of(fields["qos"], QOS):
        yield f"{key}.qos {fields['qos']!r} is none"
    for name, topic in fields.items():
        if not name.endswith("_topic"):
            continue
        if not isinstance(topic, str) or not topic or re.search(r"[\0-\x1f\x7f-\x9f]", topic):
            yield f"{key}.{name} is no topic"
        elif re.search(r"[+#]", topic):
            yield f"{key}.{name} {topic!r} has a wildcard"


def _availability(key: str, fields: Fields) -> Iterator[str]:
    ways = fields.get("availability", [])
    if "availability" in fields and "availability_topic" in fields:
        yield f"{key}: availability and availability_topic exclude each other"
    if not _one_of(fields.get("availability_mode", "latest"), AVAILABILITY_MODES):
        yield f"{key}.availability_mode {fields['availability_mode']!r} is unknown"
    if not isinstance(ways, list):
        yield f"{key}.availability is no list"
        return
    for way in ways:
        if not isinstance(way, dict) or "topic" not in way:
            yield f"{key}.availability without a topic"
        else:
            yield from _unknown(f"{key}.availability", way, AVAILABILITY_KEYS)
            yield from _topics(f"{key}.availability", {"availability_topic": way["topic"]})


def _templates(key: str, entity: Fields) -> Iterator[str]:
    for name, template in entity.items():
        if not name.endswith("_template"):
            continue
        if not isinstance(template, str) or not re.fullmatch(
            r"\{\{ [^{}]+ \}\}|\{\{ .*'\{\}' \}\}", template
        ):
            yield f"{key}.{name} is no template of one expression"
        elif "truncate(" in template and not re.search(r"truncate\(255, true, '…', 0\)", template):
            yield f"{key}.{name} does not clip to {LONGEST_STATE} characters: the leeway is missing"


def _sensor(key: str, entity: Fields) -> Iterator[str]:
    kind, options = str(entity.get("device_class")), entity.get("options")
    numeric = [name for name in ("unit_of_measurement", "state_class") if entity.get(name) is not None]
    if (kind == "enum") != (options is not None):
        yield f"{key}: options and the device class enum go together"
    if options is not None and (not _texts(options) or not options):
        yield f"{key}.options are empty, or no texts"
    if kind == "enum":
        yield from (f"{key}.{name} does not go with enum" for name in numeric)
    elif kind in WITHOUT_STATE_CLASS and "state_class" in numeric:
        yield f"{key}.state_class does not go with {kind}"
    if kind in UNITS and UNITS[kind] and entity.get("unit_of_measurement") is None:
        yield f"{key}.unit_of_measurement is missing for {kind}"
    if entity.get("state_class") == "measurement_angle" and entity.get("unit_of_measurement") != "°":
        yield f"{key}.unit_of_measurement of the state class measurement_angle is °"
    if "last_reset_value_template" in entity and entity.get("state_class") != "total":
        yield f"{key}.last_reset_value_template goes with the state class total alone"


def _event(key: str, entity: Fields) -> Iterator[str]:
    types = entity.get("event_types", ["any"])
    if not _texts(types) or not types:
        yield f"{key}.event_types are empty, or no texts"


def _number(key: str, entity: Fields) -> Iterator[str]:
    least, most, step = entity.get("min", 1), entity.get("max", 100), entity.get("step", 1)
    if not all(map(_is_number, (least, most, step))):
        yield f"{key}: min, max and step are numbers"
        return
    if least > most:
        yield f"{key}.min is above max"
    if step < SMALLEST_STEP:
        yield f"{key}.step is below {SMALLEST_STEP}"


def _select(key: str, entity: Fields) -> Iterator[str]:
    options = entity.get("options", ["any"])
    if not _texts(options) or not options:
        yield f"{key}.options are empty, or no texts"
        return
    if len(set(options)) < len(options):
        yield f"{key}.options repeat one"
    for option in options:
        if option.lower() == "none":
            yield f"{key}.options: {option!r} would mean that the state is not known"
        if not option.strip() or len(option) > LONGEST_STATE:
            yield f"{key}.options: one is empty, or longer than a state may be"


def _text(key: str, entity: Fields) -> Iterator[str]:
    least, most = entity.get("min", 0), entity.get("max", LONGEST_STATE)
    if not _is_count(least) or not _is_count(most) or not least <= most <= LONGEST_STATE:
        yield f"{key}: min and max are from 0 to {LONGEST_STATE}, and in order"
    try:
        re.compile(str(entity.get("pattern", "")))
    except re.error:
        yield f"{key}.pattern is no regular expression"


def _update(key: str, entity: Fields) -> Iterator[str]:
    if "state_topic" not in entity:
        yield f"{key}.state_topic is missing"


_RULES = {
    "sensor": _sensor,
    "event": _event,
    "number": _number,
    "select": _select,
    "text": _text,
    "update": _update,
}


def _unknown(where: str, fields: Mapping[str, object], known: frozenset[str]) -> Iterator[str]:
    yield from (f"{where}.{key} is unknown" for key in sorted(fields.keys() - known))


def _repeated(field: str, components: Iterable[Any]) -> Iterator[str]:
    seen: set[str] = set()
    for component in components:
        value = component.get(field) if isinstance(component, dict) else None
        if value is not None and str(value) in seen:
            yield f"{field} {value!r} is there twice"
        seen.add(str(value))


def _one_of(value: object, accepted: frozenset[Any]) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value in accepted


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one for one in value)


def _is_url(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"(https?|homeassistant)://[^\s/]+\S*", value) is not None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
