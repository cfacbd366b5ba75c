"""The broker, Home Assistant behind it, and what they are told."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from moshi_speaker.settings.types import (
    MAX_CREDENTIAL,
    HostName,
    Identifier,
    PlainTopic,
    Section,
    UserPath,
)


class DiscoverySettings(Section):
    """How Home Assistant finds this speaker."""

    enabled: bool = True
    """Tell Home Assistant which entities there are."""
    prefix: PlainTopic = "homeassistant"
    """Home Assistant's discovery prefix."""
    status_topic: PlainTopic = "homeassistant/status"
    """Where Home Assistant says that it has started; then everything is sent again."""
    area: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Area that Home Assistant shall suggest for the device, such as Kitchen."""


class TranscriptSettings(Section):
    """Whose words go to the broker."""

    user: Literal["off", "events", "retained"] = "off"
    """What was heard: off, events (once, as it is said), or retained (the broker keeps the latest)."""
    assistant: Literal["off", "events", "retained"] = "off"
    """What Moshi said, in the same way."""


class TlsSettings(Section):
    """Encryption towards the broker."""

    enabled: bool = False
    """Use TLS."""
    ca_cert: UserPath | None = None
    """File with the certificates to trust. Empty: those of the system."""
    client_cert: UserPath | None = None
    """Our own certificate, if the broker wants one."""
    client_key: UserPath | None = None
    """The key of our own certificate."""
    insecure: bool = False
    """Accept any host name in the broker's certificate. For tests only."""

    @model_validator(mode="after")
    def _cert_has_key(self) -> "TlsSettings":
        if (self.client_cert is None) != (self.client_key is None):
            raise ValueError("client_cert and client_key go together: set both or none")
        return self


class MqttSettings(Section):
    """The broker that hears of everything."""

    enabled: bool = True
    """Speak MQTT at all."""
    host: HostName | None = None
    """Name or address of the broker. Empty: a small broker of our own starts on the loopback interface."""
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port of the broker. Empty: 1883, with TLS 8883. 0, without a host: a free port for our own broker."""
    username: Annotated[str, Field(max_length=MAX_CREDENTIAL)] | None = None
    """User name at the broker."""
    password: SecretStr | None = None
    """Password at the broker; best written as !secret, !credential or !env."""
    password_file: UserPath | None = None
    """File whose first line is that password, in its place; read at start and at each reload. Its mode must
    keep other users out (600)."""
    client_id: Identifier | None = None
    """Client id at the broker. Empty: moshi-speaker-<speaker id>."""
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    """Seconds between signs of life."""
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """Version of MQTT: 5, 3.1.1, or auto, which tries 5 first."""
    base_topic: PlainTopic = "moshi-speaker"
    """First part of every topic."""
    log: Literal["off", "error", "warning", "info"] = "off"
    """The least level of the log's lines that are published too; words that are spoken never are."""
    transcripts: TranscriptSettings = TranscriptSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    tls: TlsSettings = TlsSettings()

    @model_validator(mode="after")
    def _no_free_port_elsewhere(self) -> "MqttSettings":
        if self.host is not None and self.port == 0:
            raise ValueError("port 0 is for a broker of our own: give that of the broker, or leave it out")
        return self

    @model_validator(mode="after")
    def _username_with_password(self) -> "MqttSettings":
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file: keep one of them")
        if self.password is not None and len(self.password.get_secret_value()) > MAX_CREDENTIAL:
            raise ValueError(f"password with more than {MAX_CREDENTIAL} characters: give the right one")
        given = self.password is not None or self.password_file is not None
        if given and self.username is None:
            raise ValueError("password without username: set both")
        if self.username is not None and not given:
            raise ValueError("username without password: set both")
        return self
