"""The link to the broker when all is well: who hears what, and when."""

import socket
import threading
import time

import pytest

from moshi_speaker.events import MuteRequested, StartRequested, StopRequested
from moshi_speaker.home.backoff import Backoff
from moshi_speaker.home.connection import Connection, Parcel
from moshi_speaker.home.delivery import MAX_IN_FLIGHT
from moshi_speaker.home.link import Link
from moshi_speaker.settings import MqttSettings
from tests.home.conftest import PATIENCE_S, Commands, OpenLink
from tests.home.linking import TOPICS, Log, Watch, heard, payloads, state
from tests.mosquitto import Mosquitto


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


def test_halves_of_characters_do_no_harm(mosquitto: Mosquitto, watch: Watch, open_link: OpenLink) -> None:
    link = open_link(mosquitto.port)
    link.publish(state("caf\udce9"))  # as the name of a file may have them
    watch(mosquitto.port).until(TOPICS.state, "caf?")
    link.publish(state("idle"))
    watch(mosquitto.port).until(TOPICS.state, "idle")


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
    cleared = broker.received.count(b"/transcript/")
    online = broker.received.count(b"online")  # none if it was withdrawn before it was sent
    assert broker.received.count(TOPICS.wake_event.encode()) == MAX_IN_FLIGHT - online - cleared


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


def test_a_mistake_of_our_own_is_told_in_one_line_and_the_link_comes_back(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, warned: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = watch(mosquitto.port)
    send = Connection.send

    def send_badly(self: Connection, parcel: Parcel) -> None:
        if parcel.message.topic == TOPICS.state:
            monkeypatch.setattr(Connection, "send", send)
            raise ZeroDivisionError(parcel.message.payload)
        send(self, parcel)

    monkeypatch.setattr(Connection, "send", send_badly)
    link = open_link(mosquitto.port)
    link.publish(state("idle"))
    watcher.until(TOPICS.state, "idle")
    line = warned.get(timeout=PATIENCE_S)
    assert "a mistake in moshi-speaker itself (ZeroDivisionError in test_link.py:" in line
    assert "idle" not in line and "\n" not in line
