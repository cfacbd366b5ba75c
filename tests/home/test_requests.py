import json
from typing import Any

import pytest

from moshi_speaker.events import (
    BenchRequested,
    HealthRequested,
    HistoryRequested,
    ReloadRequested,
    Request,
    RestartRequested,
    SettingRequested,
    Transaction,
)
from moshi_speaker.home.commands import parse
from moshi_speaker.home.requests import (
    MAX_BRACKETS,
    MAX_BYTES,
    MAX_NAME,
    MAX_TEXTS,
    MAX_TRANSACTION,
    BadRequest,
)
from moshi_speaker.home.topics import REQUESTS, Topics

TOPICS = Topics("moshi-speaker", "kitchen")


def made(command: str, payload: bytes | str | dict[str, Any]) -> Request:
    """The request that this payload makes."""
    if isinstance(payload, dict):
        payload = json.dumps(payload)
    data = payload.encode() if isinstance(payload, str) else payload
    request = parse(TOPICS, TOPICS.request(command), data, retained=False)
    assert isinstance(request, Request)
    return request


def refused(command: str, payload: bytes | str | dict[str, Any]) -> BadRequest:
    """How it is refused; that is one line, however long the payload."""
    with pytest.raises(BadRequest) as caught:
        made(command, payload)
    line = str(caught.value)
    assert line.startswith(f"{TOPICS.request(command)}: ")
    assert line.isprintable() and len(line) < 300
    assert caught.value.command == command
    return caught.value


@pytest.mark.parametrize("nothing", [b"", b" \n", b"{}", b"PRESS", b'{"transaction": null}'])
@pytest.mark.parametrize(
    ("command", "request_"),
    [
        ("health", HealthRequested()),
        ("restart", RestartRequested()),
        ("reload", ReloadRequested()),
        ("history", HistoryRequested(limit=10)),
        ("bench", BenchRequested(frames=25)),
    ],
)
def test_arguments_may_be_left_out(command: str, nothing: bytes, request_: Request) -> None:
    assert made(command, nothing) == request_


@pytest.mark.parametrize("transaction", ["7", "ü", "", 7, 0, -3, 10**MAX_TRANSACTION - 1, None])
@pytest.mark.parametrize("command", REQUESTS)
def test_a_transaction_comes_along(command: str, transaction: Transaction) -> None:
    arguments: dict[str, Any] = {"name": "a", "value": 1} if command == "set" else {}
    request = made(command, arguments | {"transaction": transaction})
    assert getattr(request, "transaction", "none") == transaction


@pytest.mark.parametrize(
    ("payload", "request_"),
    [
        ({"name": "wake.threshold", "value": 0.6}, SettingRequested("wake.threshold", 0.6)),
        (' {"value": null, "name": "x"} \n', SettingRequested("x", None)),
        ({"name": "a", "value": ["tschüss", ""]}, SettingRequested("a", ["tschüss", ""])),
        ({"name": "a", "value": []}, SettingRequested("a", [])),
        ({"name": "a", "value": True}, SettingRequested("a", True)),
        ({"name": "+/#", "value": "+/#"}, SettingRequested("+/#", "+/#")),
        ('{"name": "a", "value": "\\ud83d\\ude00"}', SettingRequested("a", "😀")),
    ],
)
def test_a_setting_is_asked_for(payload: str | dict[str, Any], request_: Request) -> None:
    assert made("set", payload) == request_


@pytest.mark.parametrize(
    ("command", "payload", "request_"),
    [
        ("history", '{"limit": 1}', HistoryRequested(1)),
        ("history", '{"limit": 50.0}', HistoryRequested(50)),
        ("bench", '{"frames": 3}', BenchRequested(3)),
        ("bench", '{"frames": 2.5e2}', BenchRequested(250)),
    ],
)
def test_a_whole_number_may_be_written_with_a_point(command: str, payload: str, request_: Request) -> None:
    assert made(command, payload) == request_


@pytest.mark.parametrize(
    "value", ["0", "51", "-1", "1.5", "true", '"10"', "null", "[10]", "1e400", "9" * 500]
)
@pytest.mark.parametrize(("command", "name"), [("history", "limit"), ("bench", "frames")])
def test_another_number_is_refused(command: str, name: str, value: str) -> None:
    value = "251" if (command, value) == ("bench", "51") else value
    error = refused(command, f'{{"{name}": {value}, "transaction": "t"}}')
    assert f"{name} does not fit" in str(error)
    assert error.transaction == "t"


@pytest.mark.parametrize("command", REQUESTS)
@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"{", "no JSON object"),
        (b"[]", "no JSON object"),
        (b'"text"', "no JSON object"),
        (b"null", "no JSON object"),
        (b"7", "no JSON object"),
        (b"press", "no JSON object"),
        (b"{'transaction': 1}", "no JSON object"),
        (b'{"transaction": 1,}', "no JSON object"),
        (b'{"transaction": 1} {}', "no JSON object"),
        (b'{"transaction": NaN}', "no JSON object"),
        (b'{"transaction": -Infinity}', "no JSON object"),
        (b'{"transaction": "a\nb"}', "no JSON object"),
        (b"\xef\xbb\xbf{}", "no JSON object"),
        (b"[" * MAX_BYTES, "brackets"),
        (b'{"a":' * (MAX_BYTES // 5), "brackets"),
        (b'{"a":' * MAX_BRACKETS, "no JSON object"),
        (b"\x00", "no JSON object"),
        (b"\xff\xfe{}", "UTF-8"),
        (b'{"transaction": "\xed\xa0\x80"}', "UTF-8"),
        (b" " * (MAX_BYTES + 1), f"request of {MAX_BYTES + 1} bytes"),
        (b"{" * 1_000_000, "request of 1000000 bytes"),
    ],
)
def test_what_is_no_json_object_is_refused(command: str, payload: bytes, says: str) -> None:
    error = refused(command, payload)
    assert says in str(error)
    assert error.transaction is None


@pytest.mark.parametrize(
    "transaction",
    [
        *("true", "{}", "[]", "1.0", "1e400", '"\\ud800"', '"a", "transaction": "a"', "9" * 4_000),
        f'"{"t" * (MAX_TRANSACTION + 1)}"',
        "1" + "0" * MAX_TRANSACTION,
    ],
)
@pytest.mark.parametrize("command", REQUESTS)
def test_a_transaction_that_cannot_be_given_back_is_refused(command: str, transaction: str) -> None:
    error = refused(command, f'{{"name": "a", "value": 1, "transaction": {transaction}}}')
    assert "transaction ignored" in str(error)
    assert error.transaction is None


@pytest.mark.parametrize(
    ("command", "payload", "says"),
    [
        ("set", {}, "name is missing"),
        ("set", {"name": "a"}, "value is missing"),
        ("set", {"name": "a", "valeu": 1}, "no 'valeu'; did you mean value?"),
        ("set", {"name": "a", "value": 1, "x": 1}, "no 'x'; there may be name and value and transaction"),
        ("health", {"limit": 1}, "a health request has no 'limit'; there may be transaction"),
        ("history", {"limits": 1}, "did you mean limit?"),
        ("bench", {"frame": 1}, "did you mean frames?"),
        ("restart", {"transactoin": "x"}, "did you mean transaction?"),
        ("reload", {"x" * 3_000: 1}, "has no 'xxxx"),
        ("reload", {"a\nb\u202e\x00": 1}, r"has no 'a\nb\u202e\x00'"),
        ("reload", '{"\\ud800": 1, "transaction": "t"}', r"has no '\ud800'"),
        ("set", '{"name": "a", "name": "b", "value": 1, "transaction": "t"}', "name is there 2 times"),
        ("history", '{"limit": 1, "limit": 1, "transaction": "t"}', "limit is there 2 times"),
        ("set", {"name": 1, "value": 1}, "name is not that of a setting"),
        ("set", {"name": "", "value": 1}, "name is not that of a setting"),
        ("set", {"name": "n" * (MAX_NAME + 1), "value": 1}, "name is not that of a setting"),
        ("set", '{"name": "\\ud800", "value": 1, "transaction": "t"}', "name is not that of a setting"),
        ("set", {"name": "a", "value": {}}, "value is none"),
        ("set", {"name": "a", "value": {"b": 1}}, "value is none"),
        ("set", {"name": "a", "value": [1]}, "value is none"),
        ("set", {"name": "a", "value": [[]]}, "value is none"),
        ("set", {"name": "a", "value": ["t"] * (MAX_TEXTS + 1)}, "value is none"),
        ("set", {"name": "a", "value": 2**63}, "value is none"),
        ("set", '{"name": "a", "value": 1e999, "transaction": "t"}', "value is none"),
        ("set", '{"name": "a", "value": %s, "transaction": "t"}' % ("9" * 3_900), "value is none"),
        ("set", '{"name": "a", "value": "\\udc00", "transaction": "t"}', "value is none"),
        ("set", f'{{"name": "a", "value": {"[" * 60}1{"]" * 60}, "transaction": "t"}}', "value is none"),
    ],
)
def test_what_does_not_fit_is_named_and_the_transaction_given_back(
    command: str, payload: str | dict[str, Any], says: str
) -> None:
    error = refused(command, payload if isinstance(payload, str) else payload | {"transaction": "t"})
    assert says in str(error)
    assert error.transaction == "t"


@pytest.mark.parametrize("payload", [b'{"name": "wake.threshold", "value": 0.6}', b"nonsense", b""])
@pytest.mark.parametrize("command", REQUESTS)
def test_a_retained_request_is_ignored(command: str, payload: bytes) -> None:
    assert parse(TOPICS, TOPICS.request(command), payload, retained=True) is None
