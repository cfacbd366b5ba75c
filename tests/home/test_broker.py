import asyncio
import logging
import queue
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from moshi_speaker.errors import MissingPartError
from moshi_speaker.events import Event, Request, Side, StartRequested
from moshi_speaker.home.backoff import Backoff
from moshi_speaker.home.broker import STOP_S, EmbeddedBroker
from moshi_speaker.home.link import Link
from moshi_speaker.home.payloads import Message
from moshi_speaker.home.topics import Topics
from moshi_speaker.settings import MqttSettings
from tests.home.conftest import Watcher
from tests.home.test_link_backlog import Waiting, ids
from tests.home.test_link_backlog import event as waiting_event

TOPICS = Topics("moshi-speaker", "kitchen")
PATIENCE_S = 10.0

Watch = Callable[[int], Watcher]


@pytest.fixture
async def broker() -> AsyncIterator[EmbeddedBroker]:
    """An embedded broker that runs on a free port."""
    embedded = EmbeddedBroker(0)
    await embedded.start()
    yield embedded
    await embedded.stop()


def link_to(settings: MqttSettings, on_command: Callable[[Event | Request], None] = print) -> Link:
    link = Link(settings, "kitchen", on_command, time.monotonic, Backoff(0.05, 0.2))
    link.start()
    return link


async def test_a_speaker_without_a_broker_talks_to_its_own(broker: EmbeddedBroker, watch: Watch) -> None:
    commands: queue.Queue[Event | Request] = queue.Queue()

    def life() -> list[str]:
        watcher = watch(broker.port)
        link = link_to(broker.link_settings(MqttSettings()), commands.put)
        watcher.until(TOPICS.availability, "online")
        link.publish(Message(TOPICS.state, "idle", qos=1, retain=True))
        watcher.until(TOPICS.state, "idle")
        watcher.publish(TOPICS.conversation_set, "start")
        assert commands.get(timeout=PATIENCE_S) == StartRequested("mqtt")
        link.close(PATIENCE_S)
        return [seen.payload for seen in watcher.until(TOPICS.availability, "offline")]

    assert await asyncio.to_thread(life) == ["start", "offline"]


async def test_a_link_that_knows_nothing_of_it_finds_out_its_version(
    broker: EmbeddedBroker, told: "queue.Queue[str]"
) -> None:
    link = link_to(MqttSettings(host="127.0.0.1", port=broker.port))
    line = await asyncio.to_thread(told.get, timeout=PATIENCE_S)
    await asyncio.to_thread(link.close, PATIENCE_S)
    assert line == f"connected to the MQTT broker 127.0.0.1:{broker.port} (MQTT 3.1.1)"


async def test_retained_values_reach_a_late_client(broker: EmbeddedBroker, watch: Watch) -> None:
    def life() -> None:
        early = watch(broker.port)
        link = link_to(broker.link_settings(MqttSettings()))
        link.publish(Message(TOPICS.state, "idle", qos=1, retain=True))
        early.until(TOPICS.state, "idle")
        assert watch(broker.port).until(TOPICS.state, "idle")[-1].retained
        link.close(PATIENCE_S)

    await asyncio.to_thread(life)


async def test_it_listens_on_the_loopback_interface_only(broker: EmbeddedBroker) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.2", broker.port))
    with socket.socket() as same, pytest.raises(OSError, match="in use"):
        same.bind(("127.0.0.1", broker.port))


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux shows who listens where")
async def test_the_system_knows_of_no_other_address(broker: EmbeddedBroker) -> None:
    assert listening(broker.port) == {"0100007F"}  # 127.0.0.1 in the order of a small machine
    with socket.create_server(("0.0.0.0", 0)) as everywhere, socket.socket(socket.AF_INET6) as six:
        assert listening(everywhere.getsockname()[1]) == {"00000000"}  # so the look is not blind
        six.bind(("::", 0))
        six.listen()
        assert listening(six.getsockname()[1]) == {"0" * 32}


def listening(port: int) -> set[str]:
    """The addresses, in hexadecimal, at which somebody listens on this port."""
    tables = (Path(f"/proc/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6"))
    sockets = [line.split()[1:4] for table in tables for line in table]
    places = [local.split(":") for local, _, state in sockets if state == "0A"]  # TCP_LISTEN
    return {address for address, number in places if int(number, 16) == port}


async def test_a_port_in_use_is_named_with_the_way_out(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MissingPartError) as caught:
            await EmbeddedBroker(port).start()
    assert str(caught.value) == (
        f"embedded MQTT broker: port {port} is in use; set mqtt.host: 127.0.0.1 to use the broker that runs "
        "there, or another mqtt.port"
    )
    assert caplog.records == []


async def test_it_keeps_its_chatter_out_of_the_log(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x1e\x00\x00\x01a")  # it logs that it knows no MQTT 5
    assert await reader.read() == b"\x20\x02\x00\x01"
    writer.close()
    await writer.wait_closed()
    assert [record for record in caplog.records if record.name.startswith(("amqtt", "transitions"))] == []


@pytest.mark.parametrize("first_words", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x10\x00"])
async def test_a_stray_visitor_is_let_go(broker: EmbeddedBroker, watch: Watch, first_words: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(first_words)
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()
    await writer.wait_closed()
    await asyncio.to_thread(watch, broker.port)


async def test_it_stops_in_time_with_a_client_connected_and_starts_again_on_its_port(
    watch: Watch,
) -> None:
    broker = EmbeddedBroker(0)
    await broker.start()
    port = broker.port
    await asyncio.to_thread(watch, port)
    begun = time.monotonic()
    await broker.stop()
    assert time.monotonic() - begun < STOP_S
    await broker.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = broker.port
    again = EmbeddedBroker(port)
    await again.start()
    assert again.port == port
    await again.stop()


async def test_it_forgets_what_is_cleared_and_hears_of_births(
    broker: EmbeddedBroker, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moshi_speaker.home.repeats.JITTER_S", 0.0)
    monkeypatch.setattr("moshi_speaker.home.repeats.REST_S", 0.0)

    def life() -> None:
        watcher = watch(broker.port)
        for side in Side:
            watcher.publish(TOPICS.transcript(side), "secret", retain=True)
        link = link_to(broker.link_settings(MqttSettings()))
        link.publish(Message(TOPICS.state, "idle", qos=1, retain=True))
        watcher.until(TOPICS.state, "idle")
        late = watch(broker.port)
        late.publish("moshi-speaker/marker", "end")
        # amqtt sends what it retains once more for each filter that anybody has subscribed to.
        kept = {seen.topic for seen in late.until("moshi-speaker/marker") if seen.retained}
        assert kept == {TOPICS.availability, TOPICS.state}
        watcher.publish("homeassistant/status", "online")
        assert [seen.payload for seen in watcher.until(TOPICS.state)][-2:] == ["online", "idle"]
        watcher.publish(TOPICS.availability, "offline", retain=True)
        watcher.until(TOPICS.availability, "online")
        link.close(PATIENCE_S)

    await asyncio.to_thread(life)


async def test_what_waited_reaches_it_in_order(broker: EmbeddedBroker, watch: Watch) -> None:
    backlog = Waiting(*(waiting_event(number) for number in range(1, 201)))

    def life() -> list[str]:
        watcher = watch(broker.port)
        link = Link(broker.link_settings(MqttSettings()), "kitchen", print, time.monotonic, backlog=backlog)
        link.start()
        seen = watcher.until(TOPICS.wake_event, waiting_event(200).payload)
        assert backlog.empty.wait(PATIENCE_S)
        link.close(PATIENCE_S)
        return ids(seen)

    assert await asyncio.to_thread(life) == [f"e{number}" for number in range(1, 201)]
