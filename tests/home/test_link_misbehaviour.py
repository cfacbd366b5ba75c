"""Brokers that misbehave: one clear line each, nothing is lost, and nothing waits for ever."""

import queue
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from moshi_speaker.events import RivalNoticed, Side
from moshi_speaker.home import delivery
from moshi_speaker.home.payloads import Message
from tests.home.conftest import PATIENCE_S, Certificates, Commands, OpenLink
from tests.home.linking import TOPICS, Log, MakeMosquitto, Watch, heard, state
from tests.home.scripted import CONNACK, CONNECT, PUBLISH, ScriptedBroker, disconnect, packet, scripted
from tests.home.test_link_backlog import Waiting, event
from tests.mosquitto import Mosquitto

NOT_AUTHORIZED, QUOTA_EXCEEDED, TOO_LARGE, SHUTTING_DOWN, TAKEN_OVER = 135, 151, 149, 139, 142
INFO = Message(TOPICS.info, "x" * 5_000, qos=1, retain=True)


@pytest.fixture
def broker() -> Iterator[ScriptedBroker]:
    """A scripted broker that runs."""
    with scripted() as running:
        yield running


def granted(properties: bytes) -> bytes:
    """A CONNACK of MQTT 5."""
    return packet(CONNACK, bytes((0, 0, len(properties))) + properties)


def until(broker: ScriptedBroker, topic: str, payload: str | None = None) -> list[tuple[str, str]]:
    """What the broker got, up to this message."""
    got = [broker.published.get(timeout=PATIENCE_S)]
    while got[-1][0] != topic or payload not in (None, got[-1][1]):
        got.append(broker.published.get(timeout=PATIENCE_S))
    return got


def lines(log: Log) -> list[str]:
    """What was said so far."""
    said = []
    while True:
        try:
            said.append(log.get_nowait())
        except queue.Empty:
            return said


# --- In the middle of the handshake ---


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"\x20",
        b"\x20\x03\x00",
        b"\x20\x80\x80\x80\x80\x01",
        b"\x20\x03\x00\x63\x00",
        b"\x20\x06\x00\x00\x03\xff\xff\xff",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff" * 1_000,
        bytes(1_000),
    ],
)
@pytest.mark.parametrize("hangs_up", [True, False])
def test_a_first_word_that_makes_no_sense_is_told_once(
    broker: ScriptedBroker,
    open_link: OpenLink,
    warned: Log,
    monkeypatch: pytest.MonkeyPatch,
    words: bytes,
    hangs_up: bool,
) -> None:
    monkeypatch.setattr("moshi_speaker.home.link.GREETING_S", 0.2)
    broker.greeting = lambda level: words
    broker.hangs_up = lambda each: hangs_up
    link = open_link(broker.port)
    for _ in range(5):
        broker.packets.get(timeout=PATIENCE_S)
    link.close(0.0)
    (line,) = lines(warned)
    assert line == (
        f"MQTT broker 127.0.0.1:{broker.port}: closed or silent at the first word, as if no MQTT broker were "
        "there; check mqtt.port and mqtt.tls; talk goes on without it"
    )


def test_a_broker_that_closes_before_a_word_is_told_once(open_link: OpenLink, warned: Log) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = open_link(server.getsockname()[1])
        for _ in range(5):
            server.accept()[0].close()
        link.close(0.0)
    (line,) = lines(warned)
    assert "closed or silent at the first word" in line


def test_a_tls_handshake_that_hangs_is_given_up(
    open_link: OpenLink, warned: Log, certificates: Certificates
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        tls = {"enabled": True, "ca_cert": certificates.ca}
        open_link(server.getsockname()[1], tls=tls, keepalive_s=5)
        client, _ = server.accept()
        assert "no answer" in warned.get(timeout=PATIENCE_S)
        client.close()


@pytest.mark.parametrize(
    ("code", "what"),
    [(134, "mqtt.password"), (NOT_AUTHORIZED, "mqtt.username"), (138, "banned"), (136, "unavailable")],
)
def test_a_broker_that_does_not_let_us_in_is_told_once(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log, code: int, what: str
) -> None:
    broker.greeting = lambda level: packet(CONNACK, bytes((0, code, 0)))
    link = open_link(broker.port)
    for _ in range(5):
        assert broker.packets.get(timeout=PATIENCE_S)[0] == CONNECT
    link.close(0.0)
    (line,) = lines(warned)
    assert what in line


# --- What we say of ourselves ---


def test_mqtt_5_says_how_much_may_come_at_once_and_that_nothing_is_to_be_kept(
    broker: ScriptedBroker, open_link: OpenLink
) -> None:
    open_link(broker.port)
    kind, body = broker.packets.get(timeout=PATIENCE_S)
    assert kind == CONNECT
    assert body[:10] == b"\x00\x04MQTT\x05\x2e\x00\x1e"  # clean start, a retained will of QoS 1, 30 s
    properties = body[11 : 11 + body[10]]
    assert properties == b"\x21\x00\x14" + b"\x27\x00\x01\x00\x00"  # 20 messages, 65536 bytes; no session


# --- What the broker says of itself ---


def test_a_broker_that_takes_one_message_at_a_time_gets_one_at_a_time(
    broker: ScriptedBroker, open_link: OpenLink
) -> None:
    broker.greeting = lambda level: granted(b"\x21\x00\x01")
    broker.acknowledgement = lambda topic: None
    link = open_link(broker.port)
    link.publish(state("idle"))
    assert until(broker, TOPICS.availability) == [(TOPICS.availability, "online")]
    broker.send(packet(4, b"\x00\x04\x00\x00"))  # ids 1 to 3 were those of the subscriptions
    assert broker.published.get(timeout=PATIENCE_S)[0] == TOPICS.transcript(Side.USER)
    link.close(0.1)
    assert broker.published.empty()


def test_a_broker_that_wants_signs_of_life_more_often_gets_them(
    broker: ScriptedBroker, open_link: OpenLink
) -> None:
    broker.greeting = lambda level: granted(b"\x13\x00\x01")  # server keep-alive: 1 s
    open_link(broker.port, keepalive_s=3600)
    while broker.packets.get(timeout=PATIENCE_S)[0] != 12:
        pass


def test_a_broker_that_retains_nothing_gets_nothing_retained_and_that_is_told(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log
) -> None:
    broker.greeting = lambda level: granted(b"\x25\x00")
    open_link(broker.port)
    assert "keeps no values" in warned.get(timeout=PATIENCE_S)
    assert until(broker, TOPICS.availability) == [(TOPICS.availability, "online")]


def test_a_message_that_is_too_large_by_its_own_account_is_not_sent_and_told_once(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log
) -> None:
    broker.greeting = lambda level: granted(b"\x27\x00\x00\x04\x00")  # 1024 bytes
    link = open_link(broker.port)
    for _ in range(3):
        link.publish(INFO)
        link.publish(state("idle"))
        assert TOPICS.info not in dict(until(broker, TOPICS.state))
    line = warned.get(timeout=PATIENCE_S)
    assert TOPICS.info in line
    assert "it takes 1024" in line
    assert warned.empty()


# --- Refusals ---


def test_an_event_that_is_refused_for_good_is_given_up_told_and_counted(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log
) -> None:
    broker.acknowledgement = lambda topic: NOT_AUTHORIZED if topic == TOPICS.wake_event else 0
    backlog = Waiting(event(1), event(2, topic=TOPICS.conversation_event), event(3))
    link = open_link(broker.port, backlog=backlog)
    assert backlog.empty.wait(PATIENCE_S)
    line = warned.get(timeout=PATIENCE_S)
    assert TOPICS.wake_event in line
    assert "Not authorized" in line
    assert warned.empty()
    assert link.figures.refused == 2


def test_an_event_for_which_there_is_no_room_just_now_is_sent_again(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "RETRY_S", 0.05)
    answers = iter([QUOTA_EXCEEDED, QUOTA_EXCEEDED])
    broker.acknowledgement = lambda topic: next(answers, 0) if topic == TOPICS.wake_event else 0
    backlog = Waiting(event(1))
    link = open_link(broker.port, backlog=backlog)
    assert backlog.empty.wait(PATIENCE_S)
    assert link.figures.refused == 0
    assert warned.empty()


def test_but_not_for_ever(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "RETRY_S", 0.05)
    broker.acknowledgement = lambda topic: QUOTA_EXCEEDED if topic == TOPICS.wake_event else 0
    backlog = Waiting(event(1), event(2, topic=TOPICS.conversation_event))
    link = open_link(broker.port, backlog=backlog)
    assert "Quota exceeded" in warned.get(timeout=PATIENCE_S)
    assert backlog.empty.wait(PATIENCE_S)
    assert link.figures.refused == 1


def test_wishes_to_hear_that_are_refused_are_told_in_a_line_each(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log
) -> None:
    broker.subscription = NOT_AUTHORIZED
    open_link(broker.port)
    told = {warned.get(timeout=PATIENCE_S) for _ in range(3)}
    assert {line.split(" does not let us hear ")[1].split(" ")[0] for line in told} == {
        TOPICS.conversation_set,
        "homeassistant/status",
        TOPICS.availability,
    }
    until(broker, TOPICS.transcript(Side.ASSISTANT))
    assert warned.empty()


def test_what_an_acl_forbids_is_told_and_the_rest_arrives(
    make_mosquitto: MakeMosquitto, watch: Watch, open_link: OpenLink, tmp_path: Path, warned: Log
) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic read moshi-speaker/#\ntopic write moshi-speaker/kitchen/state\n")
    broker = make_mosquitto("allow_anonymous true", f"acl_file {rules}")
    broker.start()
    watcher = watch(broker.port)
    backlog = Waiting(event(1))
    link = open_link(broker.port, backlog=backlog)
    link.publish(state("idle"))
    watcher.until(TOPICS.state, "idle")
    assert backlog.empty.wait(PATIENCE_S)
    line = warned.get(timeout=PATIENCE_S)
    assert "Not authorized" in line
    assert "allow this speaker" in line
    assert warned.empty()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_message_that_is_too_large_for_mosquitto_does_not_keep_the_others(
    make_mosquitto: MakeMosquitto, watch: Watch, open_link: OpenLink, warned: Log, protocol: str
) -> None:
    broker = make_mosquitto("allow_anonymous true", "max_packet_size 1000")
    broker.start()
    watcher = watch(broker.port)
    backlog = Waiting(event(1))
    link = open_link(broker.port, backlog=backlog, protocol=protocol)
    link.publish(INFO)
    link.publish(state("idle"))
    watcher.until(TOPICS.state, "idle")
    assert backlog.empty.wait(PATIENCE_S)
    assert TOPICS.info in lines(warned)[-1]


# --- The end of a connection ---


def test_a_broker_that_hangs_up_at_a_message_gets_it_no_more(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log
) -> None:
    broker.acknowledgement = lambda topic: disconnect(TOO_LARGE) if topic == TOPICS.wake_event else 0
    broker.hangs_up = lambda each: each[0] == PUBLISH and TOPICS.wake_event.encode() in each[1]
    backlog = Waiting(event(1), event(2, topic=TOPICS.conversation_event))
    link = open_link(broker.port, backlog=backlog)
    assert backlog.empty.wait(PATIENCE_S)
    assert link.figures.refused == 1
    *before, last = lines(warned)
    assert "hangs up at each message on moshi-speaker/kitchen/event/wake" in last
    assert all("a message was too large" in line for line in before)
    assert len(before) <= 2


def test_a_broker_that_acknowledges_nothing_is_left_and_tried_again(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "ANSWER_S", 0.1)
    broker.acknowledgement = lambda topic: None
    backlog = Waiting(event(1))
    open_link(broker.port, backlog=backlog)
    assert "does not acknowledge" in warned.get(timeout=PATIENCE_S)
    broker.acknowledgement = lambda topic: 0
    assert backlog.empty.wait(PATIENCE_S)


@pytest.mark.parametrize(
    ("code", "what"),
    [(SHUTTING_DOWN, "shuts down"), (NOT_AUTHORIZED, "not allowed"), (150, "message rate too high")],
)
def test_a_broker_that_says_why_it_hangs_up_is_quoted(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log, code: int, what: str
) -> None:
    open_link(broker.port)
    until(broker, TOPICS.transcript(Side.ASSISTANT))
    broker.send(disconnect(code))
    line = warned.get(timeout=PATIENCE_S)
    assert what in line
    assert line.endswith("talk goes on without it")


@pytest.mark.parametrize("words", [b"\xf0\x00", b"\x40\x01\x00", b"\x30\x03\x00\x05a", b"\xff" * 100])
def test_garbage_in_an_open_connection_ends_it_and_it_is_made_anew(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log, words: bytes
) -> None:
    open_link(broker.port)
    until(broker, TOPICS.transcript(Side.ASSISTANT))
    broker.send(words)
    assert "connection lost" in warned.get(timeout=PATIENCE_S)
    until(broker, TOPICS.transcript(Side.ASSISTANT))


def test_topics_that_are_no_text_are_no_commands(
    broker: ScriptedBroker, open_link: OpenLink, commands: Commands, warned: Log
) -> None:
    broker.first_words = packet(3, b"\x00\x02\xff\xfe\x00start")
    link = open_link(broker.port)
    until(broker, TOPICS.transcript(Side.ASSISTANT))
    link.publish(heard(1))
    until(broker, TOPICS.wake_event)
    assert commands.empty()
    assert warned.empty()


def test_a_connection_that_is_taken_over_is_told_at_once_and_not_fought_for(
    broker: ScriptedBroker, open_link: OpenLink, warned: Log, commands: Commands
) -> None:
    open_link(broker.port)
    until(broker, TOPICS.transcript(Side.ASSISTANT))
    broker.send(disconnect(TAKEN_OVER))
    assert "another client with the id moshi-speaker-kitchen took" in warned.get(timeout=PATIENCE_S)
    assert isinstance(commands.get(timeout=PATIENCE_S), RivalNoticed)


# --- Requests in a flood ---


def test_answers_to_a_flood_all_arrive(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, warned: Log
) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port)
    watcher.until(TOPICS.availability, "online")
    for number in range(500):
        link.publish(Message(TOPICS.response("health"), str(number), qos=1, retain=False))
    answers = [one.payload for one in watcher.until(TOPICS.response("health"), "499")]
    assert answers == [str(number) for number in range(500)]
    assert warned.empty()


def test_more_answers_than_are_kept_are_not_blamed_on_a_broker_that_is_there(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, warned: Log
) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port)
    watcher.until(TOPICS.availability, "online")
    with mosquitto.frozen():
        for number in range(delivery.MAX_ANSWERS + delivery.MAX_IN_FLIGHT + 9):
            link.publish(Message(TOPICS.response("health"), str(number), qos=1, retain=False))
        assert 9 <= link.figures.dropped <= delivery.MAX_IN_FLIGHT + 9
    line = warned.get(timeout=PATIENCE_S)
    assert (
        line == "more is asked than the MQTT broker takes answers: the oldest answer that waited was dropped"
    )
    assert watcher.until(TOPICS.response("health"), str(delivery.MAX_ANSWERS))
    assert warned.empty()
