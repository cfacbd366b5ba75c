"""What went wrong between us and a broker with TLS, in words, with the remedy."""

import ssl

_EXPIRED = ("the broker's certificate has expired", "renew it, or set this machine's clock")
_OTHER_NAME = (
    "the broker's certificate is for another name",
    "set mqtt.host to the name in the certificate; mqtt.tls.insecure would accept any",
)
_UNKNOWN = (
    "the broker's certificate is of an authority that we do not trust",
    "set mqtt.tls.ca_cert to the certificate of that authority",
)
_UNACCEPTED = {
    9: ("the broker's certificate is not valid yet", "set this machine's clock"),
    10: _EXPIRED,
    18: _UNKNOWN,
    19: _UNKNOWN,
    20: _UNKNOWN,
    21: _UNKNOWN,
    62: _OTHER_NAME,
    64: _OTHER_NAME,
}
"""By the code of OpenSSL (X509_V_ERR_*)."""

_NO_CERTIFICATE = (
    "the broker wants a certificate of ours",
    "set mqtt.tls.client_cert and mqtt.tls.client_key",
)
_ALERTS = {
    "CERTIFICATE_REQUIRED": _NO_CERTIFICATE,
    # The word of TLS 1.2 for the same, and for having no cipher in common.
    "HANDSHAKE_FAILURE": _NO_CERTIFICATE,
    "CERTIFICATE_EXPIRED": ("the broker says that our certificate has expired", "renew mqtt.tls.client_cert"),
    "UNKNOWN_CA": (
        "the broker does not trust the authority of our certificate",
        "use a certificate of the broker's authority as mqtt.tls.client_cert",
    ),
}
_REFUSED = ("the broker does not accept our certificate", "check mqtt.tls.client_cert")


def explain(error: ssl.SSLError) -> tuple[str, str, str]:
    """The kind of the trouble, what it is, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        other = (f"certificate not accepted: {error.verify_message}", "check the broker's certificate")
        return "certificate", *_UNACCEPTED.get(error.verify_code, other)
    reason = getattr(error, "reason", None) or "handshake failed"
    _, alert, name = reason.partition("_ALERT_")
    if alert and (name in _ALERTS or "CERTIFICATE" in name):
        return "our certificate", *_ALERTS.get(name, (f"{_REFUSED[0]} ({_words(name)})", _REFUSED[1]))
    return "tls", f"no TLS there ({_words(reason)})", "check mqtt.port and mqtt.tls"


def is_alert(error: ssl.SSLError) -> bool:
    """Whether the other side said itself what it does not like."""
    return "_ALERT_" in (getattr(error, "reason", None) or "")


def _words(name: str) -> str:
    return name.replace("_", " ").lower()
