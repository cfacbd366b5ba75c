import pytest

from moshi_speaker.errors import BadCommand
from moshi_speaker.events import (
    Event,
    MuteRequested,
    SettingRequested,
    StartRequested,
    StopRequested,
    Transaction,
    VolumeRequested,
)
from moshi_speaker.home.commands import MAX_BYTES, MAX_TRANSACTION, BadRequest, parse
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
    ],
)
def test_a_command_becomes_an_event(topic: str, payload: bytes, event: Event) -> None:
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
        (TOPICS.mute_set, b"\xff\xfe", "UTF-8"),
        (TOPICS.mute_set, b"O" * (MAX_BYTES + 1), str(MAX_BYTES)),
        (TOPICS.state, b"idle", "mute/set"),
    ],
)
def test_anything_else_is_refused_in_one_line(topic: str, payload: bytes, accepted: str) -> None:
    with pytest.raises(BadCommand) as caught:
        parse(TOPICS, topic, payload, retained=False)
    line = str(caught.value)
    assert line.startswith(f"{topic}: ")
    assert accepted in line
    assert "\n" not in line
    assert len(line) < 300


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (b'{"name": "wake.threshold", "value": 0.6}', SettingRequested("wake.threshold", 0.6)),
        (b' {"value": null, "name": "x", "transaction": 7} ', SettingRequested("x", None, 7)),
        (
            '{"name": "a", "value": ["tschüss"], "transaction": "ü"}'.encode(),
            SettingRequested("a", ["tschüss"], "ü"),
        ),
    ],
)
def test_a_request_becomes_an_event(payload: bytes, event: Event) -> None:
    assert parse(TOPICS, TOPICS.request("set"), payload, retained=False) == event


@pytest.mark.parametrize("payload", [b'{"name": "wake.threshold", "value": 0.6}', b"nonsense"])
def test_a_retained_request_is_ignored(payload: bytes) -> None:
    assert parse(TOPICS, TOPICS.request("set"), payload, retained=True) is None


@pytest.mark.parametrize(
    ("payload", "says", "transaction"),
    [
        (b"", "no JSON object", None),
        (b"{", "no JSON object", None),
        (b"[" * MAX_BYTES, "no JSON object", None),
        (b"[]", "no JSON object", None),
        (b'"text"', "no JSON object", None),
        (b'{"name": "a", "value": NaN}', "no JSON object", None),
        (b'{"name": "\\ud800", "value": 1}', "no JSON object", None),
        (b"\xff", "UTF-8", None),
        (b" " * (MAX_BYTES + 1), str(MAX_BYTES), None),
        (b'{"transaction": "t"}', "name (text) and value are needed", "t"),
        (b'{"name": 1, "value": 1, "transaction": 3}', "name (text) and value are needed", 3),
        (b'{"name": "a", "value": 1, "other": 1}', "nothing else", None),
        (b'{"name": "a", "value": 1, "transaction": true}', "transaction ignored", None),
        (b'{"name": "a", "value": 1, "transaction": {}}', "transaction ignored", None),
        (
            b'{"name": "a", "value": 1, "transaction": "%s"}' % (b"t" * (MAX_TRANSACTION + 1)),
            str(MAX_TRANSACTION),
            None,
        ),
    ],
)
def test_a_bad_request_is_refused_in_one_line_that_can_be_answered(
    payload: bytes, says: str, transaction: Transaction
) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(TOPICS, TOPICS.request("set"), payload, retained=False)
    line = str(caught.value)
    assert line.startswith(f"{TOPICS.request('set')}: ")
    assert says in line and "\n" not in line and len(line) < 300
    assert caught.value.transaction == transaction
