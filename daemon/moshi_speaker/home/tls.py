"""The TLS context of the link to the broker, made of the settings."""

import re
import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from moshi_speaker.configfile import files
from moshi_speaker.errors import ConfigError
from moshi_speaker.home.handshake import is_alert
from moshi_speaker.settings import TlsSettings

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


_CERTIFICATE = re.compile(rb"-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----")


class Context(ssl.SSLContext):
    """Remembers why the broker hung up: with TLS 1.3 it says so only after the handshake."""

    alert: ssl.SSLError | None = None
    """What the broker did not like about us, if it said so since this was last cleared."""


class _Socket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        try:
            return super().send(data, flags)
        except (ssl.SSLEOFError, ConnectionError):
            with suppress(OSError):
                self.read(1)  # a last word, if there is one
            raise

    def read(self, len: int = 1024, buffer: "WriteableBuffer | None" = None) -> bytes:  # named as in ssl
        try:
            return super().read(len, buffer)
        except ssl.SSLError as error:
            if is_alert(error) and isinstance(self.context, Context):
                self.context.alert = error
            raise


def context(tls: TlsSettings) -> Context:
    """A context that trusts ``ca_cert`` (or the system's authorities) and shows our certificate, if any.

    Raises ConfigError that names the setting whose file is missing, unreadable, of another kind, or a key
    that everybody could copy.
    """
    made = Context(ssl.PROTOCOL_TLS_CLIENT)
    made.sslsocket_class = _Socket
    made.check_hostname = not tls.insecure
    # Whoever trusts the broker's own certificate needs no authority; Python 3.13 sets this by default.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _trust(made, tls.ca_cert)
    if tls.client_cert is not None and tls.client_key is not None:
        _show(made, tls.client_cert, tls.client_key)
    return made


def _trust(made: Context, ca_cert: Path | None) -> None:
    if ca_cert is None:
        made.load_default_certs()
        return
    _read("ca_cert", ca_cert)
    try:
        made.load_verify_locations(ca_cert)
    except ssl.SSLError as error:
        raise _unusable("ca_cert", ca_cert, "no certificate in PEM form") from error


def _show(made: Context, client_cert: Path, client_key: Path) -> None:
    certificate = _read("client_cert", client_cert)
    key = _read("client_key", client_key, private=True)
    if not _CERTIFICATE.search(certificate):
        raise _unusable("client_cert", client_cert, "no certificate in PEM form")
    if b"ENCRYPTED" in key:
        what = "the key is encrypted, and nobody is there to type its passphrase"
        remedy = "decrypt it (openssl pkey -in KEY -out NEW), and chmod 600 the new one"
        raise _unusable("client_key", client_key, what, remedy)
    try:
        # An empty password: otherwise OpenSSL would ask for one at the terminal, and wait.
        made.load_cert_chain(client_cert, client_key, password="")
    except ssl.SSLError as error:
        what = f"no PEM key that fits {client_cert}"
        raise _unusable("client_key", client_key, what) from error


def _read(setting: str, path: Path, *, private: bool = False) -> bytes:
    try:
        return files.read_private(path) if private else files.read(path)[0]
    except ConfigError as error:
        raise ConfigError(str(error), where=f"mqtt.tls.{setting}") from error


def _unusable(setting: str, path: Path, what: str, remedy: str = "give a PEM file") -> ConfigError:
    return ConfigError(f"{path}: {what}", where=f"mqtt.tls.{setting}", remedy=remedy)
