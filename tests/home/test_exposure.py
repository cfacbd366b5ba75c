import pytest
from pydantic import SecretStr

from moshi_speaker.home.exposure import in_the_clear
from moshi_speaker.settings import MqttSettings, TlsSettings

OUTSIDE = [
    "broker.example.org",
    "Broker.Example.Org.",
    "9.9.9.9",
    "2606:4700::1111",
    "mylocal.net",
    "local.de",
]
INSIDE = [
    "127.0.0.1",
    "::1",
    "localhost",
    "192.168.1.5",
    "10.0.0.1",
    "172.16.3.4",
    "169.254.7.7",
    "fd00::5",
    "fe80::1%eth0",
    "100.64.0.9",
    "homeassistant",
    "homeassistant.local",
    "HomeAssistant.local.",
    "mqtt.fritz.box",
    "broker.home.arpa",
]


def to(host: str | None, *, tls: bool = False, password: str | None = "hunter2") -> MqttSettings:
    secret = SecretStr(password) if password else None
    return MqttSettings(
        host=host,
        username="me" if password else None,
        password=secret,
        tls=TlsSettings(enabled=tls),
    )


@pytest.mark.parametrize("host", OUTSIDE)
def test_a_password_that_leaves_the_house_is_told(host: str) -> None:
    line = in_the_clear(to(host))
    assert line.startswith(f"mqtt: user name, password and all else go to {host} in the clear")
    assert line.endswith("set mqtt.tls.enabled: true")
    assert "hunter2" not in line


@pytest.mark.parametrize("host", [*INSIDE, None])
def test_one_that_stays_in_the_house_is_not(host: str | None) -> None:
    assert in_the_clear(to(host)) == ""


@pytest.mark.parametrize("host", OUTSIDE)
def test_with_tls_or_without_a_password_there_is_nothing_to_tell(host: str) -> None:
    assert in_the_clear(to(host, tls=True)) == ""
    assert in_the_clear(to(host, password=None)) == ""
