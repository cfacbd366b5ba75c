"""A second client at the broker: it hears everybody, and says plainly when there is no broker."""

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from moshi_speaker.errors import MissingPartError
from moshi_speaker.home import listener
from moshi_speaker.home.listener import Listener
from moshi_speaker.settings import MqttSettings
from tests.mosquitto import Mosquitto

Message = tuple[str, bytes, bool]

PATIENCE_S = 10.0


class Ear:
    """A listener and the messages that it hears."""

    def __init__(self, port: int) -> None:
        self.heard: queue.Queue[Message] = queue.Queue()
        settings = MqttSettings(host="127.0.0.1", port=port)
        self.ends: queue.Queue[MissingPartError] = queue.Queue()
        self.listener = Listener(settings, "ear", lambda *message: self.heard.put(message), self.ends.put)

    def next(self) -> Message:
        return self.heard.get(timeout=PATIENCE_S)


@pytest.fixture
def ear(mosquitto: Mosquitto) -> Iterator[Ear]:
    """One that listens below ``house``."""
    made = Ear(mosquitto.port)
    made.listener.open("house/#")
    yield made
    made.listener.close()


@pytest.fixture
def mute_server() -> Iterator[int]:
    """The port of a server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_it_hears_what_is_said_below_its_topic(
    ear: Ear, mosquitto: Mosquitto, watch: Callable[..., Any]
) -> None:
    speaker = watch(mosquitto.port)
    speaker.publish("garden/hall", b"unheard")
    speaker.publish("house/hall", b"\xff now")
    assert ear.next() == ("house/hall", b"\xff now", False)
    assert ear.heard.empty()


def test_what_was_retained_is_heard_as_such(mosquitto: Mosquitto, watch: Callable[..., Any]) -> None:
    watch(mosquitto.port).publish("house/hall", "before", retain=True)
    ear = Ear(mosquitto.port)
    ear.listener.open("house/#")
    assert ear.next() == ("house/hall", b"before", True)
    ear.listener.close()


def test_after_its_end_it_hears_nothing_and_no_thread_is_left(
    mosquitto: Mosquitto, watch: Callable[..., Any]
) -> None:
    speaker = watch(mosquitto.port)
    threads = set(threading.enumerate())
    ear = Ear(mosquitto.port)
    ear.listener.open("house/#")
    ear.listener.close()
    ear.listener.close()
    for thread in set(threading.enumerate()) - threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    speaker.publish("house/hall", "too late")
    assert ear.heard.empty()
    assert ear.ends.empty()


def test_it_tells_that_the_broker_went_away(ear: Ear, mosquitto: Mosquitto) -> None:
    mosquitto.kill()
    error = ear.ends.get(timeout=PATIENCE_S)
    assert str(error).startswith(f"the MQTT broker 127.0.0.1:{mosquitto.port} went away; ")


def test_it_has_the_broker_forget_what_was_retained(
    ear: Ear, mosquitto: Mosquitto, watch: Callable[..., Any]
) -> None:
    speaker = watch(mosquitto.port)
    speaker.publish("house/hall", "before", retain=True)
    speaker.publish("house/attic", "kept", retain=True)
    assert {ear.next()[1], ear.next()[1]} == {b"before", b"kept"}
    ear.listener.clear(["house/hall"])
    assert ear.next() == ("house/hall", b"", False)
    late = Ear(mosquitto.port)
    late.listener.open("house/#")
    assert late.next() == ("house/attic", b"kept", True)
    speaker.publish("house/cellar", "now")
    assert late.next() == ("house/cellar", b"now", False)
    late.listener.close()


def test_a_broker_that_is_not_there_is_named(mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    ear = Ear(mosquitto.port)
    with pytest.raises(MissingPartError, match=f"127.0.0.1:{mosquitto.port}") as caught:
        ear.listener.open("house/#")
    assert "talk goes on" not in str(caught.value)


def test_a_server_that_is_no_broker_is_not_waited_for_long(
    mute_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "CONNECT_S", 0.1)
    ear = Ear(mute_server)
    with pytest.raises(MissingPartError, match=f"127.0.0.1:{mute_server} does not answer"):
        ear.listener.open("house/#")
