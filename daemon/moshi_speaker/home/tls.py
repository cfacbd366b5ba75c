"""The TLS context of the link to the broker, made of the settings."""

import ssl
from pathlib import Path

from moshi_speaker.errors import ConfigError
from moshi_speaker.settings import TlsSettings


class _Socket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def context(tls: TlsSettings) -> ssl.SSLContext:
    """A context that trusts ``ca_cert`` (or the system's authorities) and shows our certificate, if any.

    Raises ConfigError that names the setting whose file is missing, unreadable or of another kind.
    """
    ca_cert = _readable("ca_cert", tls.ca_cert)
    client_cert = _readable("client_cert", tls.client_cert)
    client_key = _readable("client_key", tls.client_key)
    try:
        made = ssl.create_default_context(cafile=ca_cert)
    except ssl.SSLError as error:
        raise _unusable("ca_cert", tls.ca_cert, "no certificate in PEM form") from error
    made.sslsocket_class = _Socket
    made.check_hostname = not tls.insecure
    if client_cert is not None:
        try:
            # An empty password: otherwise OpenSSL would ask for one at the terminal, and wait.
            made.load_cert_chain(client_cert, client_key, password="")
        except ssl.SSLError as error:
            raise _unusable(
                "client_key", tls.client_key, f"no unencrypted PEM key that fits {client_cert}"
            ) from error
    return made


def _readable(setting: str, path: Path | None) -> Path | None:
    if path is None:
        return None
    path = path.expanduser()
    try:
        path.open("rb").close()
    except OSError as error:
        raise _unusable(setting, path, f"cannot be read ({error.strerror})") from error
    return path


def _unusable(setting: str, path: Path | None, what: str) -> ConfigError:
    return ConfigError(f"{path}: {what}", where=f"mqtt.tls.{setting}", remedy="give a PEM file")
