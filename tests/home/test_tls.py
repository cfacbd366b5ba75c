import ssl
import subprocess
from pathlib import Path

import pytest

from moshi_speaker.errors import ConfigError
from moshi_speaker.home.tls import context
from moshi_speaker.settings import TlsSettings
from tests.home.conftest import Certificates


def test_the_system_is_trusted_by_default() -> None:
    made = context(TlsSettings(enabled=True))
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert made.check_hostname


def test_insecure_drops_the_name_but_not_the_certificate() -> None:
    made = context(TlsSettings(enabled=True, insecure=True))
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert not made.check_hostname


def test_good_files_are_taken(certificates: Certificates) -> None:
    tls = TlsSettings(
        enabled=True,
        ca_cert=certificates.ca,
        client_cert=certificates.client_cert,
        client_key=certificates.client_key,
    )
    assert len(context(tls).get_ca_certs()) == 1


@pytest.mark.parametrize("setting", ["ca_cert", "client_cert", "client_key"])
def test_a_missing_file_is_named_with_its_setting(
    certificates: Certificates, tmp_path: Path, setting: str
) -> None:
    files = {"client_cert": certificates.client_cert, "client_key": certificates.client_key}
    tls = TlsSettings.model_validate({"enabled": True, **files, setting: tmp_path / "gone.pem"})
    with pytest.raises(
        ConfigError, match=rf"mqtt\.tls\.{setting}: .*gone\.pem: cannot be read \(No such file"
    ):
        context(tls)


def test_a_ca_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("hello")
    with pytest.raises(ConfigError, match=r"mqtt\.tls\.ca_cert: .*ca\.pem: no certificate in PEM form"):
        context(TlsSettings(enabled=True, ca_cert=wrong))


def test_a_key_that_does_not_fit_is_named(certificates: Certificates) -> None:
    tls = TlsSettings(enabled=True, client_cert=certificates.client_cert, client_key=certificates.server_key)
    with pytest.raises(ConfigError, match=r"mqtt\.tls\.client_key: .*no unencrypted PEM key that fits"):
        context(tls)


def test_an_encrypted_key_is_refused_instead_of_asking_at_the_terminal(
    certificates: Certificates, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.key"
    encrypt = ["openssl", "ec", "-aes128", "-passout", "pass:secret", "-out", str(locked)]
    subprocess.run([*encrypt, "-in", str(certificates.client_key)], check=True, capture_output=True)
    tls = TlsSettings(enabled=True, client_cert=certificates.client_cert, client_key=locked)
    with pytest.raises(ConfigError, match="no unencrypted PEM key"):
        context(tls)
