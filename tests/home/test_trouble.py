import errno
import socket
import ssl

import pytest

from moshi_speaker.home import trouble

AT = "broker.lan:1883"


@pytest.mark.parametrize(
    ("error", "kind", "what", "remedy"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
            "unreachable",
            "refused",
            "mqtt.port",
        ),
        (TimeoutError("timed out"), "unreachable", "no answer", "mqtt.host"),
        (socket.gaierror(-2, "Name or service not known"), "unreachable", "not known", "mqtt.host"),
        (UnicodeError("label too long"), "unreachable", "not known", "mqtt.host"),
        (ConnectionResetError(errno.ECONNRESET, "Reset"), "silent", "no MQTT broker", "mqtt.tls"),
        (OSError("odd"), "unreachable", "odd", "mqtt.host"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), "tls", "no TLS there", "mqtt.tls"),
        (ssl.SSLCertVerificationError(), "certificate", "certificate", "mqtt.tls.ca_cert"),
    ],
)
def test_a_failed_connection_has_a_line_with_a_remedy(
    error: OSError | UnicodeError, kind: str, what: str, remedy: str
) -> None:
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_code, error.verify_message = 18, "self-signed certificate"
    found = trouble.unreachable(error, AT)
    assert found.kind == kind
    assert found.line.startswith(f"MQTT broker {AT}: ")
    assert what in found.line
    assert remedy in found.line
    assert not found.other_version


@pytest.mark.parametrize(
    ("code", "what"), [(134, "mqtt.password"), (135, "mqtt.username"), (137, "Server busy")]
)
def test_a_refusal_has_a_line_with_a_remedy(code: int, what: str) -> None:
    found = trouble.refused(code, "Server busy", AT)
    assert what in found.line
    assert not found.other_version


def test_another_version_is_tried_only_where_it_may_help() -> None:
    assert trouble.refused(trouble.UNSUPPORTED_VERSION, "", AT).other_version
    assert trouble.unanswered(AT).other_version
    assert not trouble.lost("Unspecified error", AT).other_version


def test_a_lost_link_and_an_absent_broker_are_one_trouble() -> None:
    lost = trouble.lost("Unspecified error", AT)
    absent = trouble.unreachable(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), AT)
    assert lost.kind == absent.kind


def test_a_link_that_was_taken_over_names_the_client_id() -> None:
    found = trouble.dismissed(142, "Session taken over", "twin", AT)
    assert "another client with the id twin took the connection over" in found.line
    assert "speaker.id" in found.line
    assert found.rival
    assert found.kind == trouble.contested("twin", AT).kind


@pytest.mark.parametrize(
    ("code", "what", "our_fault"),
    [
        (130, "ended the connection (protocol error)", True),
        (135, "something is not allowed", True),
        (139, "shuts down", False),
        (141, "heard nothing from us", False),
        (149, "a message was too large", True),
        (151, "quota", True),
        (152, "somebody asked it to", False),
    ],
)
def test_a_broker_that_says_why_it_hangs_up_is_quoted(code: int, what: str, our_fault: bool) -> None:
    found = trouble.dismissed(code, "Protocol error", "moshi", AT)
    assert found.line.startswith(f"MQTT broker {AT}: ")
    assert what in found.line
    assert not found.rival
    assert not found.unexplained
    assert found.our_fault is our_fault


def test_a_broker_that_shuts_down_is_then_away_which_is_no_news() -> None:
    absent = trouble.unreachable(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), AT)
    assert trouble.dismissed(139, "Server shutting down", "moshi", AT).kind == absent.kind


def test_a_contested_link_names_the_client_id() -> None:
    assert "no other client has the id twin" in trouble.contested("twin", AT).line


def test_whether_talk_goes_on_is_for_others_to_say() -> None:
    assert "talk goes on" not in trouble.unanswered(AT).line
