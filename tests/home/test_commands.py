import pytest

from moshi_speaker.errors import BadCommand
from moshi_speaker.events import (
    Event,
    HealthRequested,
    MuteRequested,
    Request,
    StartRequested,
    StopRequested,
    VolumeRequested,
    WakeSensitivityRequested,
    WakeWordRequested,
)
from moshi_speaker.home.commands import MAX_BYTES, MAX_OPTION, parse
from moshi_speaker.home.topics import Topics

TOPICS = Topics("moshi-speaker", "kitchen")


@pytest.mark.parametrize(
    ("topic", "payload", "event"),
    [
        (TOPICS.conversation_set, b"start", StartRequested("mqtt")),
        (TOPICS.conversation_set, b"stop", StopRequested()),
        (TOPICS.conversation_set, b" stop\n", StopRequested()),
        (TOPICS.mute_set, b"ON", MuteRequested(on=True)),
        (TOPICS.mute_set, b"OFF", MuteRequested(on=False)),
        (TOPICS.volume_set, b"0", VolumeRequested(0)),
        (TOPICS.volume_set, b"100", VolumeRequested(100)),
        (TOPICS.volume_set, b"70.0", VolumeRequested(70)),
        (TOPICS.wake_sensitivity_set, b"0.57", WakeSensitivityRequested(0.57)),
        (TOPICS.wake_sensitivity_set, b".5", WakeSensitivityRequested(0.5)),
        (TOPICS.wake_sensitivity_set, b"0", WakeSensitivityRequested(0.0)),
        (TOPICS.wake_sensitivity_set, b"0.0", WakeSensitivityRequested(0.0)),
        (TOPICS.wake_sensitivity_set, b"0.5700000000000001", WakeSensitivityRequested(0.5700000000000001)),
        (TOPICS.wake_word_set, b"hey_jarvis + alexa", WakeWordRequested("hey_jarvis + alexa")),
        (TOPICS.wake_word_set, "tschüss\n".encode(), WakeWordRequested("tschüss")),
        (TOPICS.request("health"), b"", HealthRequested()),
    ],
)
def test_a_command_becomes_an_event(topic: str, payload: bytes, event: Event | Request) -> None:
    assert parse(TOPICS, topic, payload, retained=False) == event


@pytest.mark.parametrize("payload", [b"start", b"nonsense", b"\xff"])
def test_a_retained_command_is_ignored(payload: bytes) -> None:
    assert parse(TOPICS, TOPICS.conversation_set, payload, retained=True) is None


@pytest.mark.parametrize(
    ("topic", "payload", "accepted"),
    [
        (TOPICS.conversation_set, b"", "start or stop"),
        (TOPICS.conversation_set, b"START", "start or stop"),
        (TOPICS.mute_set, b"true", "ON or OFF"),
        (TOPICS.volume_set, b"101", "0 to 100"),
        (TOPICS.volume_set, b"-1", "0 to 100"),
        (TOPICS.volume_set, b"0.5", "0 to 100"),
        (TOPICS.volume_set, "５".encode(), "0 to 100"),
        (TOPICS.volume_set, b"9" * 900, "0 to 100"),
        (TOPICS.volume_set, b"70.5", "0 to 100"),
        (TOPICS.volume_set, b"100.1", "0 to 100"),
        (TOPICS.volume_set, b"7e1", "0 to 100"),
        (TOPICS.wake_sensitivity_set, b"1", "0 to 0.99"),
        (TOPICS.wake_sensitivity_set, b"1.0", "0 to 0.99"),
        (TOPICS.wake_sensitivity_set, b"-0.1", "0 to 0.99"),
        (TOPICS.wake_sensitivity_set, b"nan", "0 to 0.99"),
        (TOPICS.wake_sensitivity_set, b"1e-3", "0 to 0.99"),
        (TOPICS.wake_sensitivity_set, b"0." + b"9" * 900, "0 to 0.99"),
        (TOPICS.wake_sensitivity_set, "٠.٥".encode(), "0 to 0.99"),
        (TOPICS.wake_word_set, b"", "an option"),
        (TOPICS.wake_word_set, b"hey\x00jarvis", "an option"),
        (TOPICS.wake_word_set, b"a\nb", "an option"),
        (TOPICS.wake_word_set, b"w" * (MAX_OPTION + 1), "an option"),
        (TOPICS.mute_set, b"\xff\xfe", "UTF-8"),
        (TOPICS.mute_set, b"O" * (MAX_BYTES + 1), str(MAX_BYTES)),
        (TOPICS.state, b"idle", "mute/set"),
        (TOPICS.request("nonsense"), b"{}", "request/health"),
        (TOPICS.request(""), b"{}", "request/health"),
        (TOPICS.request("set/set"), b"{}", "request/health"),
    ],
)
def test_anything_else_is_refused_in_one_line(topic: str, payload: bytes, accepted: str) -> None:
    with pytest.raises(BadCommand) as caught:
        parse(TOPICS, topic, payload, retained=False)
    line = str(caught.value)
    assert line.startswith(f"{topic}: ")
    assert accepted in line
    assert "\n" not in line
    assert len(line) < 400
