"""Two speakers with one id notice each other, whether or not they also share the client id."""

import json

import pytest

from moshi_speaker.events import RivalNoticed
from moshi_speaker.home.payloads import Message
from tests.home.conftest import PATIENCE_S, Commands, OpenLink
from tests.home.linking import TOPICS, Log, Watch, heard, state
from tests.mosquitto import Mosquitto


def diagnostics(instance: str) -> Message:
    return Message(TOPICS.diagnostics, json.dumps({"instance": instance}), qos=1, retain=True)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_second_speaker_with_another_client_id_is_noticed(
    mosquitto: Mosquitto, open_link: OpenLink, commands: Commands, watch: Watch, protocol: str
) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port, protocol=protocol)
    watcher.until(TOPICS.availability, "online")
    watcher.publish(TOPICS.diagnostics, diagnostics("macmini/4711/89abcdef").payload, retain=True)
    assert commands.get(timeout=PATIENCE_S) == RivalNoticed("process 4711 on macmini")
    link.close(PATIENCE_S)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_nobody_notices_itself(
    mosquitto: Mosquitto, open_link: OpenLink, commands: Commands, watch: Watch, protocol: str
) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port, protocol=protocol)
    for _ in range(3):
        link.publish(diagnostics(link.instance))
        watcher.until(TOPICS.diagnostics)
    watcher.publish(TOPICS.conversation_set, "stop")
    assert not isinstance(commands.get(timeout=PATIENCE_S), RivalNoticed)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_an_earlier_life_left_behind_is_no_rival(
    mosquitto: Mosquitto, open_link: OpenLink, commands: Commands, watch: Watch, protocol: str
) -> None:
    watcher = watch(mosquitto.port)
    watcher.publish(TOPICS.diagnostics, diagnostics("here/1/89abcdef").payload, retain=True)
    open_link(mosquitto.port, protocol=protocol)
    watcher.until(TOPICS.availability, "online")
    watcher.publish(TOPICS.conversation_set, "stop")
    assert not isinstance(commands.get(timeout=PATIENCE_S), RivalNoticed)


def test_of_a_flood_of_them_few_are_passed_on(
    mosquitto: Mosquitto, open_link: OpenLink, commands: Commands, watch: Watch
) -> None:
    watcher = watch(mosquitto.port)
    open_link(mosquitto.port)
    watcher.until(TOPICS.availability, "online")
    for number in range(200):
        watcher.publish(TOPICS.diagnostics, diagnostics(f"macmini/{number}/89abcdef").payload)
    watcher.publish(TOPICS.conversation_set, "stop")
    noticed = 0
    while isinstance(commands.get(timeout=PATIENCE_S), RivalNoticed):
        noticed += 1
    assert noticed == 1


def test_two_with_one_client_id_notice_it_and_do_not_fight(
    mosquitto: Mosquitto, open_link: OpenLink, commands: Commands, warned: Log
) -> None:
    links = [open_link(mosquitto.port, client_id="twin", protocol="3.1.1") for _ in range(2)]
    for link in links:
        link.publish(state("idle"))
    noticed = commands.get(timeout=PATIENCE_S)
    assert noticed == RivalNoticed("it takes over the connections of client twin")
    while "no other client has the id twin" not in warned.get(timeout=PATIENCE_S):
        pass
    assert sum(link.figures.connections for link in links) < 12


def test_the_second_one_that_goes_does_not_leave_the_first_offline(
    mosquitto: Mosquitto, open_link: OpenLink, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moshi_speaker.home.repeats.REST_S", 0.0)
    watcher = watch(mosquitto.port)
    first = open_link(mosquitto.port, client_id="first")
    watcher.until(TOPICS.availability, "online")
    second = open_link(mosquitto.port, client_id="second")
    watcher.until(TOPICS.availability, "online")
    second.close(PATIENCE_S)
    watcher.until(TOPICS.availability, "offline")
    watcher.until(TOPICS.availability, "online")
    first.publish(heard(1))
    watcher.until(TOPICS.wake_event)
