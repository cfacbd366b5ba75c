"""The entities of the Home Assistant device, one by one.

A key is for life: Home Assistant knows an entity by it and by its platform. What is no longer wanted goes to
``REMOVED``, and no key ever comes back with another platform.
"""

from collections.abc import Sequence

from moshi_speaker.events import Json, Side, State
from moshi_speaker.home.commands import MAX_SENSITIVITY
from moshi_speaker.home.topics import Topics

Component = dict[str, Json]
"""What Home Assistant is told of one entity."""

REMOVED: tuple[tuple[str, str], ...] = ()
"""Key and platform of each entity that an earlier version had. Told with every message, since Home Assistant
keeps what is merely left out, and may not have been running when it was told last."""

EXPIRE_S = 120
"""Seconds after which a value that comes every half a minute counts as unknown."""

_CLIPPED = "{{ value_json.text | truncate(255, true, '…', 0) if value_json is defined else none }}"
"""A state of Home Assistant's has 255 characters at most; without the last argument ``truncate`` lets some
more through. The broker forgets a retained text by an empty message, which is no JSON."""
_WHOLE = "{{ value or '{}' }}"
"""The message as it is; no attributes at all if it is empty."""


def components(topics: Topics, wake_words: Sequence[str]) -> dict[str, Component]:
    """All entities by key; ``wake_words`` are the options of that select."""
    return {
        **_doings(topics),
        **_transcripts(topics),
        **_controls(topics),
        **_wake_controls(topics, wake_words),
        **_vitals(topics),
    }


def _doings(topics: Topics) -> dict[str, Component]:
    """What it does, and what happens."""
    return {
        "state": {
            "platform": "sensor",
            "name": "State",
            "state_topic": topics.state,
            "device_class": "enum",
            "options": [state.value for state in State],
            "icon": "mdi:speaker-message",
        },
        "conversation": {
            "platform": "binary_sensor",
            "name": "Conversation",
            "state_topic": topics.conversation,
            "json_attributes_topic": topics.conversation_attributes,
            "device_class": "running",
        },
        "problem": {
            "platform": "binary_sensor",
            "name": "Problem",
            "state_topic": topics.problem,
            "json_attributes_topic": topics.problem_attributes,
            "device_class": "problem",
            "entity_category": "diagnostic",
        },
        "wake": {
            "platform": "event",
            "name": "Wake word",
            "state_topic": topics.wake_event,
            "event_types": ["detected"],
            "icon": "mdi:ear-hearing",
        },
        "conversation_event": {
            "platform": "event",
            "name": "Conversation event",
            "state_topic": topics.conversation_event,
            "event_types": ["started", "ended"],
            "icon": "mdi:forum",
        },
    }


def _transcripts(topics: Topics) -> dict[str, Component]:
    """Whoever wants to see what was said has to enable it in Home Assistant too."""
    return {
        "transcript_user": _utterances("Heard", topics.transcript(Side.USER), "mdi:account-voice"),
        "transcript_assistant": _utterances("Said", topics.transcript(Side.ASSISTANT), "mdi:robot-happy"),
        "last_user": _latest("Last heard", topics.transcript(Side.USER), "mdi:account-voice"),
        "last_assistant": _latest("Last said", topics.transcript(Side.ASSISTANT), "mdi:robot-happy"),
    }


def _utterances(name: str, topic: str, icon: str) -> Component:
    return {
        "platform": "event",
        "name": name,
        "state_topic": topic,
        "event_types": ["final"],
        "icon": icon,
        "enabled_by_default": False,
    }


def _latest(name: str, topic: str, icon: str) -> Component:
    return {
        "platform": "sensor",
        "name": name,
        "state_topic": topic,
        "value_template": _CLIPPED,
        "json_attributes_topic": topic,
        "json_attributes_template": _WHOLE,
        "icon": icon,
        "enabled_by_default": False,
    }


def _controls(topics: Topics) -> dict[str, Component]:
    return {
        "mute": {
            "platform": "switch",
            "name": "Microphone mute",
            "state_topic": topics.mute,
            "command_topic": topics.mute_set,
            "icon": "mdi:microphone-off",
        },
        "start": {
            "platform": "button",
            "name": "Start conversation",
            "command_topic": topics.conversation_set,
            "payload_press": "start",
            "icon": "mdi:play",
        },
        "stop": {
            "platform": "button",
            "name": "Stop conversation",
            "command_topic": topics.conversation_set,
            "payload_press": "stop",
            "icon": "mdi:stop",
        },
        "restart": {
            "platform": "button",
            "name": "Restart",
            "command_topic": topics.request("restart"),
            "payload_press": "{}",
            "device_class": "restart",
            "entity_category": "config",
        },
        "volume": {
            "platform": "number",
            "name": "Volume",
            "state_topic": topics.volume,
            "command_topic": topics.volume_set,
            "min": 0,
            "max": 100,
            "step": 1,
            "mode": "slider",
            "unit_of_measurement": "%",
            "icon": "mdi:volume-high",
        },
    }


def _wake_controls(topics: Topics, wake_words: Sequence[str]) -> dict[str, Component]:
    return {
        "wake_sensitivity": {
            "platform": "number",
            "name": "Wake sensitivity",
            "state_topic": topics.wake_sensitivity,
            "command_topic": topics.wake_sensitivity_set,
            "min": 0,
            "max": MAX_SENSITIVITY,
            "step": 0.01,
            "mode": "slider",
            "entity_category": "config",
            "icon": "mdi:tune-vertical",
        },
        "wake_word": {
            "platform": "select",
            "name": "Wake word model",
            "state_topic": topics.wake_word,
            "command_topic": topics.wake_word_set,
            "options": list(wake_words),
            "entity_category": "config",
            "icon": "mdi:account-voice",
        },
    }


def _vitals(topics: Topics) -> dict[str, Component]:
    """What comes every half a minute: one message has it all, with null for what is not known."""
    shared: Component = {
        "platform": "sensor",
        "state_topic": topics.diagnostics,
        "entity_category": "diagnostic",
        "expire_after": EXPIRE_S,
    }
    sensors: dict[str, Component] = {
        "rtf": {
            "name": "Real-time factor",
            "value_template": "{{ value_json.rtf }}",
            "state_class": "measurement",
            "suggested_display_precision": 2,
            "icon": "mdi:speedometer",
        },
        "frame_latency_p95": {
            "name": "Frame latency p95",
            "value_template": "{{ value_json.frame_latency_ms.p95 }}",
            "device_class": "duration",
            "unit_of_measurement": "ms",
            "state_class": "measurement",
            "suggested_display_precision": 1,
        },
        "dropped_frames": {
            "name": "Dropped frames",
            "value_template": "{{ value_json.dropped_frames }}",
            "state_class": "total_increasing",
            "icon": "mdi:skip-next",
        },
        "echo_reduction": {
            "name": "Echo reduction",
            "value_template": "{{ value_json.echo.reduction_db }}",
            "unit_of_measurement": "dB",
            "state_class": "measurement",
            "suggested_display_precision": 1,
            "icon": "mdi:waveform",
        },
        "wake_near_misses": {
            "name": "Wake near misses",
            "value_template": "{{ value_json.wake.near_misses }}",
            "state_class": "total_increasing",
            "icon": "mdi:ear-hearing-off",
        },
        "model": {
            "name": "Model",
            "value_template": "{{ value_json.model }}",
            "icon": "mdi:brain",
        },
        "model_memory": {
            "name": "Model memory",
            "value_template": "{{ value_json.memory_bytes }}",
            "device_class": "data_size",
            "unit_of_measurement": "B",
            "state_class": "measurement",
            "enabled_by_default": False,
        },
        "started": {
            "name": "Started",
            "value_template": "{{ value_json.started_at }}",
            "device_class": "timestamp",
        },
    }
    return {key: shared | sensor for key, sensor in sensors.items()}
