"""Everything is sent again when Home Assistant needs it, and nothing stays behind that nobody wants."""

from itertools import pairwise

import pytest

from moshi_speaker.events import Side
from moshi_speaker.home import repeats
from moshi_speaker.home.payloads import Message
from tests.home.conftest import PATIENCE_S, OpenLink, Seen, Watcher
from tests.home.linking import TOPICS, Watch, heard, received, state
from tests.mosquitto import Mosquitto

STATUS = "homeassistant/status"
DISCOVERY = Message("moshi-speaker/discovery", "{}", qos=1, retain=True)
"""On a topic that the watchers see."""


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No jitter and no rest."""
    monkeypatch.setattr(repeats, "JITTER_S", 0.0)
    monkeypatch.setattr(repeats, "REST_S", 0.0)


def pairs(seen: list[Seen]) -> list[tuple[str, str]]:
    return [(one.topic, one.payload) for one in seen]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_after_a_birth_every_value_is_sent_again_as_it_is_now(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, protocol: str
) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port, protocol=protocol)
    link.publish(DISCOVERY)
    link.publish(state("loading"))
    link.publish(heard(1))
    link.publish(state("idle"))
    watcher.until(TOPICS.state, "idle")
    cleared = watcher.cleared.qsize()
    watcher.publish(STATUS, "online")
    assert pairs(watcher.until(TOPICS.state)) == [
        (TOPICS.availability, "online"),
        (DISCOVERY.topic, "{}"),
        (TOPICS.state, "idle"),
    ]
    assert watcher.cleared.qsize() == cleared


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("payload", ["offline", "ONLINE", "", b"\xff", "x" * 100_000])
def test_other_words_there_mean_nothing(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, payload: str | bytes
) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port)
    watcher.until(TOPICS.availability, "online")
    watcher.publish(STATUS, payload)
    watcher.publish(TOPICS.conversation_set, "nonsense")  # comes after it, and is told of
    watcher.until(TOPICS.conversation_set)
    link.publish(state("idle"))
    assert pairs(watcher.until(TOPICS.state)) == [(TOPICS.state, "idle")]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_birth_from_before_our_connection_repeats_nothing(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, protocol: str
) -> None:
    watcher = watch(mosquitto.port)
    watcher.publish(STATUS, "online", retain=True)
    link = open_link(mosquitto.port, protocol=protocol)
    watcher.until(TOPICS.availability, "online")
    link.publish(heard(1))
    watcher.until(TOPICS.wake_event)
    link.close(PATIENCE_S)
    assert received(mosquitto).count(TOPICS.availability) == 2  # online, offline


@pytest.mark.usefixtures("at_once")
def test_another_status_topic_may_be_set(mosquitto: Mosquitto, watch: Watch, open_link: OpenLink) -> None:
    watcher = watch(mosquitto.port)
    open_link(mosquitto.port, discovery={"status_topic": "house/status"})
    watcher.until(TOPICS.availability, "online")
    watcher.publish("house/status", "online")
    watcher.until(TOPICS.availability, "online")


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_who_says_that_we_are_offline_is_corrected(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, protocol: str
) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port, protocol=protocol)
    watcher.until(TOPICS.availability, "online")
    watcher.publish(TOPICS.availability, "offline", retain=True)
    assert pairs(watcher.until(TOPICS.availability, "online"))[-2:] == [
        (TOPICS.availability, "offline"),
        (TOPICS.availability, "online"),
    ]
    link.close(PATIENCE_S)
    assert watch(mosquitto.port).until(TOPICS.availability)[-1].payload == "offline"


def test_online_is_said_again_now_and_then(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "REFRESH_S", 0.05)
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port)
    link.publish(state("idle"))
    watcher.until(TOPICS.state)
    for _ in range(3):
        assert pairs([watcher.next()]) == [(TOPICS.availability, "online")]


def retained(watcher: Watcher) -> dict[str, str]:
    watcher.publish("moshi-speaker/marker", "end")
    return {one.topic: one.payload for one in watcher.until("moshi-speaker/marker") if one.retained}


@pytest.mark.parametrize("policy", ["off", "events", "retained"])
def test_words_that_were_retained_are_forgotten_when_that_is_no_longer_wanted(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, policy: str
) -> None:
    watcher = watch(mosquitto.port)
    for side in Side:
        watcher.publish(TOPICS.transcript(side), "secret", retain=True)
    link = open_link(mosquitto.port, transcripts={"user": policy, "assistant": "off"})
    watcher.until(TOPICS.availability, "online")
    link.close(PATIENCE_S)
    kept = {TOPICS.transcript(Side.USER)} if policy == "retained" else set()
    assert retained(watch(mosquitto.port)).keys() == {TOPICS.availability, *kept}


def test_they_are_forgotten_at_each_connection(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink
) -> None:
    link = open_link(mosquitto.port)
    for _ in range(2):
        link.publish(state("idle"))
        watcher = watch(mosquitto.port)
        watcher.until(TOPICS.state, "idle")
        watcher.publish(TOPICS.transcript(Side.USER), "from a backup of the broker", retain=True)
        mosquitto.stop()
        mosquitto.start()
    watch(mosquitto.port).until(TOPICS.state, "idle")
    link.close(PATIENCE_S)
    order = received(mosquitto)
    assert order.count(TOPICS.transcript(Side.USER)) == 3
    assert (TOPICS.availability, TOPICS.transcript(Side.USER)) in pairwise(order)
