"""The link to the broker in trouble: brokers that are late, locked, untrusted or hang."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from moshi_speaker.errors import ConfigError
from moshi_speaker.home.delivery import MAX_EVENTS
from moshi_speaker.home.link import Link
from moshi_speaker.settings import MqttSettings, TlsSettings
from tests.home.conftest import PATIENCE_S, Certificates, OpenLink
from tests.home.linking import TOPICS, Log, MakeMosquitto, Watch, heard, state
from tests.mosquitto import Mosquitto


def test_a_broker_that_appears_late_is_found_and_told_of_once(
    make_mosquitto: MakeMosquitto, watch: Watch, open_link: OpenLink, warned: Log
) -> None:
    broker = make_mosquitto()
    link = open_link(broker.port)
    assert warned.get(timeout=PATIENCE_S) == (
        f"MQTT broker 127.0.0.1:{broker.port}: connection refused; check that the broker runs, mqtt.host and "
        "mqtt.port; talk goes on without it"
    )
    assert not link.connected
    link.publish(state("idle"))
    broker.start()
    watch(broker.port).until(TOPICS.state, "idle")
    assert warned.empty()


def test_a_lost_broker_is_told_of_once_each_time(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, warned: Log
) -> None:
    link = open_link(mosquitto.port)
    link.publish(state("idle"))
    for _ in range(2):
        watch(mosquitto.port).until(TOPICS.state, "idle")
        mosquitto.kill()
        assert "connection lost" in warned.get(timeout=PATIENCE_S)
        mosquitto.start()
    watch(mosquitto.port).until(TOPICS.state, "idle")
    assert warned.empty()


@pytest.fixture
def guarded(make_mosquitto: MakeMosquitto, tmp_path: Path) -> Mosquitto:
    """A broker that lets in only the user moshi with the password right."""
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "moshi", "right"], check=True)
    broker = make_mosquitto("allow_anonymous false", f"password_file {passwords}")
    broker.start()
    return broker


def test_the_right_password_is_let_in(guarded: Mosquitto, open_link: OpenLink, told: Log) -> None:
    open_link(guarded.port, username="moshi", password=SecretStr("right"))
    assert told.get(timeout=PATIENCE_S) == f"connected to the MQTT broker 127.0.0.1:{guarded.port} (MQTT 5)"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_refused_password_is_told_once_and_is_no_end(
    guarded: Mosquitto, open_link: OpenLink, warned: Log, protocol: str
) -> None:
    link = open_link(guarded.port, username="moshi", password=SecretStr("wrong"), protocol=protocol)
    line = warned.get(timeout=PATIENCE_S)
    assert "mqtt.password" in line
    assert "wrong" not in line
    while guarded.log.count("not authorised") < 3:
        link.publish(state("idle"))
    assert warned.empty()


def test_events_wait_for_the_broker_up_to_a_bound(
    make_mosquitto: MakeMosquitto, watch: Watch, open_link: OpenLink, warned: Log
) -> None:
    broker = make_mosquitto()
    link = open_link(broker.port)
    assert "refused" in warned.get(timeout=PATIENCE_S)
    for number in range(MAX_EVENTS + 7):
        link.publish(heard(number))
    assert link.figures.dropped == 7
    broker.start()
    assert "was away for too long: the 7 oldest events" in warned.get(timeout=PATIENCE_S)
    link.close(PATIENCE_S)
    assert broker.log.count(f"'{TOPICS.wake_event}'") == MAX_EVENTS


def tls_lines(files: Certificates, *more: str) -> tuple[str, ...]:
    return (
        f"cafile {files.ca}",
        f"certfile {files.server_cert}",
        f"keyfile {files.server_key}",
        *more,
    )


def test_tls_with_our_own_certificate(
    make_mosquitto: MakeMosquitto, open_link: OpenLink, certificates: Certificates, told: Log
) -> None:
    broker = make_mosquitto(*tls_lines(certificates, "require_certificate true", "allow_anonymous true"))
    broker.start()
    tls = {"enabled": True, "ca_cert": certificates.ca}
    ours = {"client_cert": certificates.client_cert, "client_key": certificates.client_key}
    link = open_link(broker.port, tls={**tls, **ours})
    assert told.get(timeout=PATIENCE_S).startswith("connected")
    link.publish(state("idle"))
    link.close(PATIENCE_S)
    assert f"'{TOPICS.state}'" in broker.log


def test_a_certificate_that_is_not_trusted_is_told_once(
    make_mosquitto: MakeMosquitto, open_link: OpenLink, certificates: Certificates, warned: Log
) -> None:
    broker = make_mosquitto(*tls_lines(certificates, "allow_anonymous true"))
    broker.start()
    open_link(broker.port, tls={"enabled": True})
    assert "mqtt.tls.ca_cert" in warned.get(timeout=PATIENCE_S)


@pytest.mark.parametrize(("insecure", "told_first"), [(True, "connected"), (False, "MQTT broker")])
def test_another_name_than_in_the_certificate_needs_insecure(
    make_mosquitto: MakeMosquitto,
    open_link: OpenLink,
    certificates: Certificates,
    told: Log,
    insecure: bool,
    told_first: str,
) -> None:
    broker = make_mosquitto(*tls_lines(certificates, "allow_anonymous true"))
    broker.start()
    tls = {"enabled": True, "ca_cert": certificates.ca, "insecure": insecure}
    open_link(broker.port, host="localhost", tls=tls)
    assert told.get(timeout=PATIENCE_S).startswith(told_first)


@pytest.mark.parametrize("tls_at_the_broker", [True, False])
def test_tls_on_one_side_only_is_told(
    make_mosquitto: MakeMosquitto,
    open_link: OpenLink,
    certificates: Certificates,
    warned: Log,
    tls_at_the_broker: bool,
) -> None:
    lines = tls_lines(certificates) if tls_at_the_broker else ()
    broker = make_mosquitto(*lines, "allow_anonymous true")
    broker.start()
    open_link(broker.port, tls={"enabled": not tls_at_the_broker})
    line = warned.get(timeout=PATIENCE_S)
    assert "check mqtt.port and mqtt.tls" in line


def test_two_speakers_with_one_client_id_are_told(
    mosquitto: Mosquitto, open_link: OpenLink, warned: Log
) -> None:
    open_link(mosquitto.port, client_id="twin")
    open_link(mosquitto.port, client_id="twin")
    while "no other client has the id twin" not in warned.get(timeout=PATIENCE_S):
        pass


def test_a_silent_listener_does_not_hold_up_the_end(open_link: OpenLink) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = open_link(server.getsockname()[1])
        client, _ = server.accept()
        client.recv(1)
        begun = time.monotonic()
        link.close(PATIENCE_S)
        assert time.monotonic() - begun < 3.0
        client.close()


def test_a_broker_that_hangs_does_not_hold_up_the_end(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink
) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port)
    watcher.until(TOPICS.availability, "online")
    with mosquitto.frozen():
        begun = time.monotonic()
        link.close(0.5)
        assert time.monotonic() - begun < 3.0
    watcher.until(TOPICS.availability, "offline")


def test_last_words_are_said_to_a_broker_that_appears_late(
    make_mosquitto: MakeMosquitto, watch: Watch, open_link: OpenLink, warned: Log
) -> None:
    broker = make_mosquitto()
    link = open_link(broker.port)
    assert "refused" in warned.get(timeout=PATIENCE_S)
    link.publish(state("error"))
    with insisting(link):
        broker.start()
    assert broker.log.count(f"'{TOPICS.state}'") == 1
    late = watch(broker.port)
    late.publish("moshi-speaker/marker", "end")
    seen = {one.topic: one.payload for one in late.until("moshi-speaker/marker") if one.retained}
    assert seen == {TOPICS.availability: "offline", TOPICS.state: "error"}
    assert warned.empty()


def test_last_words_are_said_over_a_connection_that_is_being_made(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink
) -> None:
    watcher = watch(mosquitto.port)
    with socket.create_server(("127.0.0.1", 0)) as slow:
        link = open_link(slow.getsockname()[1])
        client, _ = slow.accept()
        link.publish(state("error"))
        with insisting(link), socket.create_connection(("127.0.0.1", mosquitto.port)) as broker:
            back = threading.Thread(target=carry, args=(broker, client))
            back.start()
            carry(client, broker)
            broker.shutdown(socket.SHUT_RDWR)
            back.join(PATIENCE_S)
        client.close()
    assert [one.payload for one in watcher.until(TOPICS.availability, "offline")] == ["error", "offline"]


def test_last_words_for_a_broker_that_stays_away_take_no_longer_than_they_may(
    make_mosquitto: MakeMosquitto, open_link: OpenLink
) -> None:
    link = open_link(make_mosquitto().port)
    begun = time.monotonic()
    link.close(0.5, insist=True)
    assert 0.5 <= time.monotonic() - begun < 3.0


@contextmanager
def insisting(link: Link) -> Iterator[None]:
    """The link closes meanwhile, and must have done so soon after."""
    closing = threading.Thread(target=link.close, args=(PATIENCE_S,), kwargs={"insist": True})
    closing.start()
    yield
    closing.join(PATIENCE_S)
    assert not closing.is_alive()


def carry(source: socket.socket, sink: socket.socket) -> None:
    while data := source.recv(4096):
        sink.sendall(data)


def test_closing_a_link_that_was_never_started_does_nothing() -> None:
    Link(MqttSettings(host="127.0.0.1"), "kitchen", print, time.monotonic).close(1.0)


def test_without_a_broker_there_is_no_link() -> None:
    with pytest.raises(ConfigError, match=r"mqtt: no broker to connect to; set mqtt\.host and mqtt\.port"):
        Link(MqttSettings(), "kitchen", print, time.monotonic)


def test_a_missing_certificate_file_is_a_matter_of_configuration(tmp_path: Path) -> None:
    settings = MqttSettings(host="127.0.0.1", tls=TlsSettings(enabled=True, ca_cert=tmp_path / "no.pem"))
    with pytest.raises(ConfigError, match=r"mqtt\.tls\.ca_cert"):
        Link(settings, "kitchen", print, time.monotonic)
