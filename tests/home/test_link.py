import queue
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from moshi_speaker.errors import ConfigError
from moshi_speaker.events import Event, MuteRequested, StartRequested, StopRequested
from moshi_speaker.home.backoff import Backoff
from moshi_speaker.home.link import CONTESTED_LIVES, MAX_EVENTS, MAX_IN_FLIGHT, Link
from moshi_speaker.home.payloads import Message
from moshi_speaker.home.topics import Topics
from moshi_speaker.settings import MqttSettings, TlsSettings
from tests.home.conftest import Certificates, Watcher
from tests.mosquitto import Mosquitto

TOPICS = Topics("moshi-speaker", "kitchen")
PATIENCE_S = 10.0

Watch = Callable[..., Watcher]
MakeMosquitto = Callable[..., Mosquitto]
Commands = queue.Queue[Event]
Log = queue.Queue[str]
OpenLink = Callable[..., Link]


@pytest.fixture
def commands() -> Commands:
    """Events that the link made of commands."""
    return queue.Queue()


@pytest.fixture
def open_link(commands: Commands) -> Iterator[OpenLink]:
    """Starts links to a port, with further MQTT settings."""
    opened: list[Link] = []

    def open_one(port: int, **settings: Any) -> Link:  # noqa: ANN401 (any setting)
        mqtt = MqttSettings.model_validate({"host": "127.0.0.1", "port": port, **settings})
        link = Link(mqtt, "kitchen", commands.put, time.monotonic, Backoff(0.05, 0.2))
        opened.append(link)
        link.start()
        return link

    yield open_one
    for link in opened:
        link.close(PATIENCE_S)


def state(payload: str) -> Message:
    return Message(TOPICS.state, payload, qos=1, retain=True)


def heard(number: int) -> Message:
    return Message(TOPICS.wake_event, str(number), qos=1, retain=False)


def payloads(watcher: Watcher, topic: str, payload: str) -> list[str]:
    return [seen.payload for seen in watcher.until(topic, payload)]


def test_a_life_begins_online_and_ends_offline(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink
) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port)
    assert watcher.next().payload == "online"
    link.publish(state("idle"))
    link.publish(heard(1))
    link.publish(state("stopping"))
    link.close(PATIENCE_S)
    seen = [one.payload for one in watcher.until(TOPICS.availability, "offline")]
    assert seen[-3:] == ["1", "stopping", "offline"]


def test_a_clean_end_sends_no_last_will(mosquitto: Mosquitto, watch: Watch, open_link: OpenLink) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port)
    watcher.until(TOPICS.availability, "online")
    link.close(PATIENCE_S)
    watcher.until(TOPICS.availability, "offline")
    watcher.publish("moshi-speaker/marker", "after")
    assert payloads(watcher, "moshi-speaker/marker", "after") == ["after"]


def test_values_are_retained_and_events_are_not(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink
) -> None:
    early = watch(mosquitto.port)
    link = open_link(mosquitto.port)
    link.publish(state("idle"))
    link.publish(heard(1))
    early.until(TOPICS.wake_event)
    late = watch(mosquitto.port)
    late.publish("moshi-speaker/marker", "end")
    seen = late.until("moshi-speaker/marker")
    assert {(one.topic, one.payload) for one in seen if one.retained} == {
        (TOPICS.availability, "online"),
        (TOPICS.state, "idle"),
    }


def test_it_speaks_mqtt_5_where_it_can(mosquitto: Mosquitto, watch: Watch, open_link: OpenLink) -> None:
    watcher = watch(mosquitto.port)
    open_link(mosquitto.port)
    watcher.until(TOPICS.availability, "online")
    assert "as moshi-speaker-kitchen (p5, c1, k30" in mosquitto.log


def test_it_speaks_3_1_1_when_told_so(mosquitto: Mosquitto, watch: Watch, open_link: OpenLink) -> None:
    watcher = watch(mosquitto.port)
    open_link(mosquitto.port, protocol="3.1.1", client_id="mine")
    watcher.until(TOPICS.availability, "online")
    assert "as mine (p2, c1, k30" in mosquitto.log


class OldBroker:
    """Greets MQTT 3.1.1, and answers MQTT 5 with given bytes and a closed connection."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.received = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the speaker hung up."""
        self._thread.join(PATIENCE_S)
        self._server.close()

    def _serve(self) -> None:
        level = b"\x05"
        while level == b"\x05":
            client, _ = self._server.accept()
            with client:
                level = client.recv(4096)[8:9]
                client.sendall(self._answer if level == b"\x05" else b"\x20\x02\x00\x00")
                while level == b"\x04" and (data := client.recv(4096)):
                    self.received += data


@pytest.mark.parametrize("answer", [b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00", b""])
def test_a_broker_that_knows_only_3_1_1_is_spoken_to_in_3_1_1(
    open_link: OpenLink, told: Log, answer: bytes
) -> None:
    broker = OldBroker(answer)
    link = open_link(broker.port)
    assert told.get(timeout=PATIENCE_S).endswith("(MQTT 3.1.1)")
    link.close(0.1)
    broker.join()


def test_a_version_that_is_demanded_is_not_changed(open_link: OpenLink, warned: Log) -> None:
    broker = OldBroker(b"\x20\x02\x00\x01")
    link = open_link(broker.port, protocol="5")
    assert "set mqtt.protocol: auto" in warned.get(timeout=PATIENCE_S)
    link.close(PATIENCE_S)
    open_link(broker.port, protocol="3.1.1").close(0.1)
    broker.join()


def test_a_broker_that_acknowledges_nothing_gets_no_flood(open_link: OpenLink, told: Log) -> None:
    broker = OldBroker(b"")
    link = open_link(broker.port)
    assert told.get(timeout=PATIENCE_S).startswith("connected")
    for number in range(3 * MAX_IN_FLIGHT):
        link.publish(heard(number))
    link.close(0.5)
    broker.join()
    online = broker.received.count(b"online")  # none if ``offline`` replaced it before it was sent
    assert broker.received.count(TOPICS.wake_event.encode()) == MAX_IN_FLIGHT - online


def test_a_lost_socket_sends_the_last_will(mosquitto: Mosquitto, watch: Watch) -> None:
    watcher = watch(mosquitto.port)
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = Wire(server, mosquitto.port)
        mqtt = MqttSettings(host="127.0.0.1", port=server.getsockname()[1])
        link = Link(mqtt, "kitchen", print, time.monotonic, Backoff(30.0, 30.0))
        link.start()
        watcher.until(TOPICS.availability, "online")
        wire.cut()
        (will,) = watcher.until(TOPICS.availability)
        assert will.payload == "offline"
        link.close(PATIENCE_S)
        wire.cut()


class Wire:
    """Passes bytes between one client and the broker until it is cut."""

    def __init__(self, server: socket.socket, port: int) -> None:
        self._ends: list[socket.socket] = []
        self._server = server
        self._port = port
        self._threads = [threading.Thread(target=self._connect, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """Break the connection on both sides, without a goodbye."""
        for end in self._ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for end in self._ends:
            end.close()

    def _connect(self) -> None:
        client, _ = self._server.accept()
        broker = socket.create_connection(("127.0.0.1", self._port))
        self._ends += [client, broker]
        for source, sink in ((client, broker), (broker, client)):
            self._threads.append(threading.Thread(target=self._pass, args=(source, sink), daemon=True))
            self._threads[-1].start()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(4096):
                sink.sendall(data)
        except OSError:
            return


def test_current_values_come_back_after_the_broker_lost_everything(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink
) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port)
    link.publish(state("loading"))
    link.publish(state("idle"))
    watcher.until(TOPICS.state, "idle")
    mosquitto.kill()
    link.publish(state("conversation"))
    mosquitto.start()
    again = watch(mosquitto.port)
    seen = {one.topic: one.payload for one in again.until(TOPICS.state, "conversation")}
    assert seen == {TOPICS.availability: "online", TOPICS.state: "conversation"}


def test_a_value_that_did_not_change_comes_back_too(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink
) -> None:
    link = open_link(mosquitto.port)
    watcher = watch(mosquitto.port)
    link.publish(state("idle"))
    watcher.until(TOPICS.state, "idle")
    for _ in range(2):
        mosquitto.stop()
        mosquitto.start()
        watch(mosquitto.port).until(TOPICS.state, "idle")


def test_commands_become_events(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, commands: Commands
) -> None:
    watcher = watch(mosquitto.port)
    open_link(mosquitto.port)
    watcher.until(TOPICS.availability, "online")
    watcher.publish(TOPICS.conversation_set, "start")
    watcher.publish(TOPICS.mute_set, "ON")
    assert commands.get(timeout=PATIENCE_S) == StartRequested("mqtt")
    assert commands.get(timeout=PATIENCE_S) == MuteRequested(on=True)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_retained_command_does_not_fire(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, commands: Commands, protocol: str
) -> None:
    watcher = watch(mosquitto.port)
    watcher.publish(TOPICS.conversation_set, "start", retain=True)
    open_link(mosquitto.port, protocol=protocol)
    watcher.until(TOPICS.availability, "online")
    watcher.publish(TOPICS.conversation_set, "stop")
    assert commands.get(timeout=PATIENCE_S) == StopRequested()
    assert commands.empty()
    came_all_the_same = "Sending PUBLISH to moshi-speaker-kitchen (d0, q1, r1" in mosquitto.log
    assert came_all_the_same is (protocol == "3.1.1")


def test_a_command_sent_while_away_does_not_fire_later(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, commands: Commands
) -> None:
    watcher = watch(mosquitto.port)
    open_link(mosquitto.port).close(PATIENCE_S)
    watcher.until(TOPICS.availability, "offline")
    watcher.publish(TOPICS.conversation_set, "start")
    open_link(mosquitto.port)
    watcher.until(TOPICS.availability, "online")
    watcher.publish(TOPICS.conversation_set, "stop")
    assert commands.get(timeout=PATIENCE_S) == StopRequested()


def test_a_flood_of_bad_commands_is_told_once_and_breaks_nothing(
    mosquitto: Mosquitto,
    watch: Watch,
    open_link: OpenLink,
    commands: Commands,
    warned: Log,
) -> None:
    watcher = watch(mosquitto.port)
    open_link(mosquitto.port)
    watcher.until(TOPICS.availability, "online")
    for payload in ("nonsense", b"\xff") * 20:
        watcher.publish(TOPICS.conversation_set, payload)
        watcher.publish(TOPICS.mute_set, payload)
    watcher.publish(TOPICS.conversation_set, "start")
    assert commands.get(timeout=PATIENCE_S) == StartRequested("mqtt")
    told = f"{TOPICS.conversation_set}: command ignored; start or stop is accepted"
    assert warned.get_nowait() == told
    assert warned.empty()


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
    assert link.dropped_events == 7
    broker.start()
    assert "7 oldest events" in warned.get(timeout=PATIENCE_S)
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
    told = [warned.get(timeout=PATIENCE_S) for _ in range(2 * CONTESTED_LIVES)]
    assert [line for line in told if "no other client has the id twin" in line]


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


def test_closing_a_link_that_was_never_started_does_nothing() -> None:
    Link(MqttSettings(host="127.0.0.1"), "kitchen", print, time.monotonic).close(1.0)


@pytest.mark.parametrize("settings", [MqttSettings(), MqttSettings(host="127.0.0.1", port=0)])
def test_without_a_broker_there_is_no_link(settings: MqttSettings) -> None:
    with pytest.raises(ConfigError, match=r"mqtt: no broker to connect to; set mqtt\.host and mqtt\.port"):
        Link(settings, "kitchen", print, time.monotonic)


def test_a_missing_certificate_file_is_a_matter_of_configuration(tmp_path: Path) -> None:
    settings = MqttSettings(host="127.0.0.1", tls=TlsSettings(enabled=True, ca_cert=tmp_path / "no.pem"))
    with pytest.raises(ConfigError, match=r"mqtt\.tls\.ca_cert"):
        Link(settings, "kitchen", print, time.monotonic)
