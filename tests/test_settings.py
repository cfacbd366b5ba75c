from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from moshi_speaker import configfile
from moshi_speaker.settings import (
    DiscoverySettings,
    MqttSettings,
    Settings,
    SpeakerSettings,
    TlsSettings,
)

EXAMPLE = Path(__file__).parents[1] / "config" / "moshi-speaker.yaml"


def fields(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str]]:
    """Every setting's dotted name and what it means."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            assert kind.__doc__
            yield above + name, kind.__doc__
            yield from fields(kind, f"{above}{name}.")
        else:
            assert field.description, f"{above}{name} has no docstring"
            yield above + name, " ".join(field.description.split())


def commented(text: str) -> Iterator[tuple[str, str]]:
    """Every line that sets something: its dotted name, and the comment right above it."""
    above: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("#"):
            comment.append(bare.removeprefix("#").strip())
        elif bare:
            depth = (len(line) - len(line.lstrip())) // 2
            above = [*above[:depth], bare.partition(":")[0]]
            yield ".".join(above), " ".join(comment)
        if not bare.startswith("#"):
            comment = []


def test_the_example_file_loads_to_exactly_the_defaults() -> None:
    assert configfile.load(EXAMPLE) == Settings()


def test_the_example_file_shows_and_explains_every_setting_once_in_the_order_of_the_code() -> None:
    assert list(commented(EXAMPLE.read_text())) == list(fields(Settings))


def test_the_example_of_secrets_is_a_list_of_names_and_values() -> None:
    secrets = yaml.safe_load((EXAMPLE.parent / "secrets.example.yaml").read_text())
    assert secrets and all(isinstance(value, str) for value in secrets.values())


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().speaker.name = "other"


def test_a_password_is_never_printed() -> None:
    settings = MqttSettings(username="speaker", password=SecretStr("hush"))
    assert "hush" not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    "given", [{"username": "u"}, {"password": SecretStr("p")}, {"password_file": Path("/file")}]
)
def test_username_and_password_go_together(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="set both"):
        MqttSettings.model_validate(given)


def test_there_is_one_password() -> None:
    with pytest.raises(ValidationError, match="password and password_file: keep one of them"):
        MqttSettings(username="u", password=SecretStr("p"), password_file=Path("/file"))


@pytest.mark.parametrize("given", ["client_cert", "client_key"])
def test_certificate_and_key_go_together(given: str) -> None:
    with pytest.raises(ValidationError, match="set both or none"):
        TlsSettings.model_validate({given: Path("/file.pem")})


@pytest.mark.parametrize("topic", ["", "/a", "a/", "a/#", "+/a", "$SYS", "a\0b"])
def test_a_base_topic_is_plain(topic: str) -> None:
    with pytest.raises(ValidationError, match="wildcards"):
        MqttSettings(base_topic=topic)


@pytest.mark.parametrize("topic", ["x" * 201, "a\ud800"])
def test_a_topic_fits_into_a_packet(topic: str) -> None:
    with pytest.raises(ValidationError):
        MqttSettings(base_topic=topic)
    with pytest.raises(ValidationError):
        DiscoverySettings(prefix=topic)


@pytest.mark.parametrize("host", ["homeassistant.local", "192.168.1.2", "::1", "fe80::1%eth0", "küche"])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert MqttSettings(host=host).host == host


@pytest.mark.parametrize(
    "host", ["", "a b", " a", "mqtt://a", "a/b", "a:1883", "[::1]", "u@a", "x" * 254, "a\n"]
)
def test_a_host_is_nothing_else(host: str) -> None:
    with pytest.raises(ValidationError):
        MqttSettings(host=host)


def test_only_a_broker_of_our_own_takes_a_free_port() -> None:
    assert MqttSettings(port=0).port == 0
    with pytest.raises(ValidationError, match="port 0 is for a broker of our own"):
        MqttSettings(host="a", port=0)


def test_credentials_fit_into_a_packet() -> None:
    for name, password in [("u" * 4097, "p"), ("u", "p" * 4097)]:
        with pytest.raises(ValidationError):
            MqttSettings(username=name, password=SecretStr(password))


@pytest.mark.parametrize("identity", ["", "a b", "a/b", "küche", "x" * 65])
def test_an_identity_fits_into_a_topic(identity: str) -> None:
    with pytest.raises(ValidationError):
        SpeakerSettings(id=identity)


def test_the_state_folder_is_in_the_home_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    assert Settings().speaker.state_dir == Path("/somebody/.local/state/moshi-speaker")
