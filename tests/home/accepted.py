"""What Home Assistant accepts in a device's discovery message, as data; from 2024.12 on.

What only a later version knows is left out: an earlier one would drop the entity, or the whole device.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAME = r"[A-Za-z0-9_-]+"
TOPIC_OF_A_DEVICE = rf"(?:[^+#\0]+/)?device/(?:{NAME}/)?{NAME}/config"

TOP_KEYS = _words(
    "device origin components availability availability_topic availability_mode "
    "availability_template payload_available payload_not_available state_topic command_topic qos "
    "encoding"
)
"""All; one more rejects the whole device."""
DEVICE_KEYS = _words(
    "identifiers connections name manufacturer model model_id sw_version hw_version serial_number "
    "suggested_area configuration_url via_device"
)
ORIGIN_KEYS = _words("name sw_version support_url")
AVAILABILITY_KEYS = _words("topic payload_available payload_not_available value_template")
AVAILABILITY_MODES = _words("all any latest")
QOS = frozenset((0, 1, 2))
CATEGORIES = _words("config diagnostic")

COMMON_KEYS = _words(
    "platform unique_id default_entity_id name icon entity_category enabled_by_default "
    "entity_picture json_attributes_topic json_attributes_template qos encoding availability "
    "availability_topic availability_mode availability_template payload_available "
    "payload_not_available"
)
"""Those of any entity."""
PLATFORMS = _words(
    "alarm_control_panel binary_sensor button camera climate cover date datetime device_automation "
    "device_tracker event fan humidifier image infrared lawn_mower light lock notify number scene "
    "select sensor siren switch tag text time update vacuum valve water_heater"
)
"""All that a stub may name."""

STATE_CLASSES = _words("measurement total total_increasing measurement_angle")
SENSOR_CLASSES = _words(
    "date enum timestamp apparent_power aqi area atmospheric_pressure battery "
    "blood_glucose_concentration carbon_dioxide carbon_monoxide conductivity current data_rate "
    "data_size distance duration energy energy_storage frequency gas humidity illuminance irradiance "
    "moisture monetary nitrogen_dioxide nitrogen_monoxide nitrous_oxide ozone ph pm1 pm10 pm25 power "
    "power_factor precipitation precipitation_intensity pressure reactive_power signal_strength "
    "sound_pressure speed sulphur_dioxide temperature volatile_organic_compounds "
    "volatile_organic_compounds_parts voltage volume volume_flow_rate volume_storage water weight "
    "wind_speed"
)
UNITS: Mapping[str, frozenset[str]] = {
    "data_size": _words("bit kbit Mbit Gbit B kB MB GB TB PB EB ZB YB KiB MiB GiB TiB PiB EiB"),
    "data_rate": _words("bit/s kbit/s Mbit/s Gbit/s B/s kB/s MB/s GB/s KiB/s MiB/s GiB/s"),
    "duration": _words("d h min s ms μs"),
    "frequency": _words("Hz kHz MHz GHz"),
    "battery": _words("%"),
    "humidity": _words("%"),
    "temperature": _words("°C °F K"),
    "sound_pressure": _words("dB dBA"),
    "signal_strength": _words("dB dBm"),
    "date": frozenset(),
    "enum": frozenset(),
    "timestamp": frozenset(),
}
"""Units by device class: those that a speaker might have. A class that is not here is not judged."""
WITHOUT_STATE_CLASS = _words("date enum timestamp")
NUMBER_CLASSES = SENSOR_CLASSES - {"date", "enum", "timestamp"}


@dataclass(frozen=True)
class Platform:
    """One kind of entity."""

    required: frozenset[str]
    optional: frozenset[str]
    classes: frozenset[str] = frozenset()
    """Device classes."""
    categories: frozenset[str] = CATEGORIES
    choices: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Values of keys that have few."""


def _platform(
    required: str,
    optional: str,
    classes: frozenset[str] = frozenset(),
    categories: frozenset[str] = CATEGORIES,
    choices: Mapping[str, frozenset[str]] | None = None,
) -> Platform:
    keys = set(optional.split()) | ({"device_class"} if classes else set())
    return Platform(frozenset(required.split()), frozenset(keys), classes, categories, choices or {})


_READ_ONLY = frozenset(("diagnostic",))

ENTITIES: Mapping[str, Platform] = {
    "sensor": _platform(
        "state_topic",
        "value_template unit_of_measurement state_class options expire_after suggested_display_precision "
        "force_update last_reset_value_template",
        SENSOR_CLASSES,
        _READ_ONLY,
        {"state_class": STATE_CLASSES},
    ),
    "binary_sensor": _platform(
        "state_topic",
        "value_template payload_on payload_off off_delay expire_after force_update",
        _words(
            "battery battery_charging carbon_monoxide cold connectivity door garage_door gas heat light lock "
            "moisture motion moving occupancy opening plug power presence problem running safety smoke sound "
            "tamper update vibration window"
        ),
        _READ_ONLY,
    ),
    "event": _platform(
        "state_topic event_types", "value_template", _words("doorbell button motion"), _READ_ONLY
    ),
    "switch": _platform(
        "command_topic",
        "state_topic value_template command_template payload_on payload_off state_on state_off optimistic "
        "retain",
        _words("outlet switch"),
    ),
    "button": _platform(
        "command_topic", "command_template payload_press retain", _words("identify restart update")
    ),
    "number": _platform(
        "command_topic",
        "state_topic value_template command_template min max step mode unit_of_measurement payload_reset "
        "optimistic retain",
        NUMBER_CLASSES,
        choices={"mode": _words("auto box slider")},
    ),
    "select": _platform(
        "command_topic options", "state_topic value_template command_template optimistic retain"
    ),
    "text": _platform(
        "command_topic",
        "state_topic value_template command_template min max pattern mode retain",
        choices={"mode": _words("text password")},
    ),
    "notify": _platform("command_topic", "command_template retain"),
    "update": _platform(
        "",
        "state_topic latest_version_topic latest_version_template value_template command_topic "
        "payload_install title release_url release_summary display_precision retain",
        _words("firmware"),
    ),
    "siren": _platform(
        "command_topic",
        "state_topic state_value_template command_template command_off_template available_tones "
        "support_duration support_volume_set payload_on payload_off state_on state_off optimistic retain",
    ),
}
"""The kinds of entities that a speaker may have."""
