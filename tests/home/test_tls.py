import os
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from moshi_speaker.errors import ConfigError
from moshi_speaker.home.tls import context
from moshi_speaker.settings import TlsSettings
from tests.certificates import openssl
from tests.home.conftest import Certificates


def complaint(tls: TlsSettings) -> str:
    """The one line that these settings earn."""
    with pytest.raises(ConfigError) as raised:
        context(tls)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def with_client(certificates: Certificates, **other: Path) -> TlsSettings:
    files = {"client_cert": certificates.client_cert, "client_key": certificates.client_key}
    return TlsSettings.model_validate({"enabled": True, "ca_cert": certificates.ca, **files, **other})


def test_the_system_is_trusted_by_default() -> None:
    made = context(TlsSettings(enabled=True))
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert made.check_hostname
    assert made.get_ca_certs() == ssl.create_default_context().get_ca_certs()


def test_old_versions_of_tls_are_not_spoken() -> None:
    assert context(TlsSettings(enabled=True)).minimum_version >= ssl.TLSVersion.TLSv1_2


def test_insecure_drops_the_name_but_not_the_certificate() -> None:
    made = context(TlsSettings(enabled=True, insecure=True))
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert not made.check_hostname


def test_good_files_are_taken(certificates: Certificates) -> None:
    assert len(context(with_client(certificates)).get_ca_certs()) == 1


def test_a_certificate_may_be_open_to_everybody_and_a_key_to_its_group(
    certificates: Certificates, tmp_path: Path
) -> None:
    key = Path(shutil.copy(certificates.client_key, tmp_path / "group.key"))
    certificates.client_cert.chmod(0o644)
    key.chmod(0o640)
    context(with_client(certificates, client_key=key))


# --- Files that are no such files ---------------------------------------------------------------


def missing(path: Path) -> None:
    """Leave it away."""


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 8)
    path.chmod(0o600)


def empty(path: Path) -> None:
    path.touch(mode=0o600)


def fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (missing, "no such file; create it or correct the path"),
        (Path.mkdir, "a folder; name the file in it"),
        (fifo, "a FIFO, not a file; name a plain file"),
    ],
)
@pytest.mark.parametrize("setting", ["ca_cert", "client_cert", "client_key"])
def test_what_cannot_be_read_is_named_with_its_setting(
    certificates: Certificates, tmp_path: Path, make: Callable[[Path], None], expected: str, setting: str
) -> None:
    wrong = tmp_path / "wrong.pem"
    make(wrong)
    line = complaint(with_client(certificates, **{setting: wrong}))
    assert line == f"mqtt.tls.{setting}: {wrong}: {expected}"


@pytest.mark.parametrize("make", [garbage, empty])
@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("ca_cert", "no certificate in PEM form; give a PEM file"),
        ("client_cert", "no certificate in PEM form; give a PEM file"),
        ("client_key", "no PEM key that fits {cert}; give a PEM file"),
    ],
)
def test_what_is_no_pem_is_named_with_its_setting(
    certificates: Certificates, tmp_path: Path, make: Callable[[Path], None], setting: str, expected: str
) -> None:
    wrong = tmp_path / "wrong.pem"
    make(wrong)
    line = complaint(with_client(certificates, **{setting: wrong}))
    assert line == f"mqtt.tls.{setting}: {wrong}: {expected.format(cert=certificates.client_cert)}"


def test_a_certificate_in_der_form_is_named(certificates: Certificates, tmp_path: Path) -> None:
    der = tmp_path / "ca.der"
    openssl("x509", "-in", certificates.ca, "-outform", "der", "-out", der)
    expected = f"mqtt.tls.ca_cert: {der}: no certificate in PEM form; give a PEM file"
    assert complaint(TlsSettings(enabled=True, ca_cert=der)) == expected


@pytest.mark.parametrize("setting", ["ca_cert", "client_cert"])
def test_a_key_in_the_place_of_a_certificate_is_named(certificates: Certificates, setting: str) -> None:
    line = complaint(with_client(certificates, **{setting: certificates.server_key}))
    expected = f"mqtt.tls.{setting}: {certificates.server_key}: no certificate in PEM form; give a PEM file"
    assert line == expected


# --- The key ------------------------------------------------------------------------------------


def test_a_key_that_does_not_fit_is_named(certificates: Certificates) -> None:
    line = complaint(with_client(certificates, client_key=certificates.server_key))
    assert line.startswith(f"mqtt.tls.client_key: {certificates.server_key}: no PEM key that fits ")


@pytest.mark.parametrize("form", ["ec", "pkcs8"])
def test_an_encrypted_key_is_refused_instead_of_asking_at_the_terminal(
    certificates: Certificates, tmp_path: Path, form: str
) -> None:
    locked = tmp_path / "locked.key"
    files = ("-in", certificates.client_key, "-out", locked)
    if form == "ec":
        openssl("ec", "-aes128", "-passout", "pass:secret", *files)
    else:
        openssl("pkcs8", "-topk8", "-v2", "aes256", "-passout", "pass:secret", *files)
    line = complaint(with_client(certificates, client_key=locked))
    assert line.startswith(f"mqtt.tls.client_key: {locked}: the key is encrypted, and nobody is there to")
    assert "openssl pkey" in line


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602])
def test_a_key_that_everybody_could_copy_is_refused(
    certificates: Certificates, tmp_path: Path, mode: int
) -> None:
    key = Path(shutil.copy(certificates.client_key, tmp_path / "open.key"))
    key.chmod(mode)
    line = complaint(with_client(certificates, client_key=key))
    expected = f"mqtt.tls.client_key: {key}: open to every user of this machine; chmod 600 {key}"
    assert line == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_key_that_may_not_be_read_is_named(certificates: Certificates, tmp_path: Path) -> None:
    key = tmp_path / "foreign.key"
    key.touch(mode=0)
    line = complaint(with_client(certificates, client_key=key))
    assert line == f"mqtt.tls.client_key: {key}: cannot be read: Permission denied"
