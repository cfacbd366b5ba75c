import ssl

import pytest

from moshi_speaker.home.handshake import explain, is_alert


def failure(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("reason", "kind", "what"),
    [
        ("WRONG_VERSION_NUMBER", "tls", "no TLS there (wrong version number)"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "tls", "no TLS there (tlsv1 alert protocol version)"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "our certificate", "the broker wants a certificate of ours"),
        (
            "SSLV3_ALERT_CERTIFICATE_REVOKED",
            "our certificate",
            "the broker does not accept our certificate (certificate revoked)",
        ),
        (
            "SSLV3_ALERT_BAD_CERTIFICATE",
            "our certificate",
            "the broker does not accept our certificate (bad certificate)",
        ),
    ],
)
def test_a_reason_becomes_words(reason: str, kind: str, what: str) -> None:
    assert explain(failure(reason))[:2] == (kind, what)
    assert is_alert(failure(reason)) == ("ALERT" in reason)


def test_a_failure_without_a_reason_is_told_as_well() -> None:
    assert explain(ssl.SSLEOFError(8, "EOF"))[1] == "no TLS there (handshake failed)"
    assert not is_alert(ssl.SSLEOFError(8, "EOF"))


@pytest.mark.parametrize("code", [9, 10, 18, 19, 20, 21, 62, 64, 99])
def test_each_certificate_that_is_not_accepted_has_a_remedy(code: int) -> None:
    error = ssl.SSLCertVerificationError(1, "")
    error.verify_code, error.verify_message = code, "some reason of OpenSSL's"
    kind, what, remedy = explain(error)
    assert kind == "certificate"
    assert what and remedy
    assert ("some reason" in what) == (code == 99)
