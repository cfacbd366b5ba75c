"""Events that wait for the broker: they arrive in order, once each, and say when they are late."""

import json
import re
import threading
import time
from collections.abc import Sequence

import pytest

from moshi_speaker.events import Side
from moshi_speaker.home import greeting, repeats
from moshi_speaker.home.backlog import LATE_S, MemoryBacklog, WaitingEvent
from moshi_speaker.home.delivery import MAX_IN_FLIGHT
from moshi_speaker.home.payloads import Message
from tests.home.conftest import PATIENCE_S, OpenLink, Seen
from tests.home.linking import TOPICS, MakeMosquitto, Watch, received, state
from tests.mosquitto import Mosquitto

DONE = Message(TOPICS.state, "done", qos=1, retain=True)


def event(number: int, *, topic: str = TOPICS.wake_event, age_s: float = 0.0) -> WaitingEvent:
    payload = json.dumps({"event_id": f"e{number}", "late": False}, separators=(",", ":"))
    return WaitingEvent(number, topic, payload, False, time.time() - age_s)


def ids(seen: list[Seen]) -> list[str]:
    return [
        json.loads(one.payload)["event_id"] for one in seen if one.topic.startswith(f"{TOPICS.root}/event")
    ]


class Waiting(MemoryBacklog):
    """Says when everything was confirmed, and how much was asked for at once."""

    def __init__(self, *events: WaitingEvent) -> None:
        super().__init__(10_000)
        self.empty = threading.Event()
        self.limits: set[int] = set()
        for one in events:
            self.put(one)

    def after(self, number: int, limit: int) -> Sequence[WaitingEvent]:
        self.limits.add(limit)
        return super().after(number, limit)

    def confirm(self, number: int) -> None:
        super().confirm(number)
        if not super().after(0, 1):
            self.empty.set()


def test_current_values_come_first_then_what_waited_in_order(
    make_mosquitto: MakeMosquitto, open_link: OpenLink
) -> None:
    broker = make_mosquitto()
    topics = (TOPICS.wake_event, TOPICS.conversation_event)
    backlog = Waiting(*(event(number, topic=topics[number % 2]) for number in range(1, 101)))
    link = open_link(broker.port, backlog=backlog)
    link.publish(state("idle"))
    assert link.figures.queued == 4  # and those of the backlog
    broker.start()
    assert backlog.empty.wait(PATIENCE_S)
    values = [TOPICS.availability, *map(TOPICS.transcript, Side), TOPICS.state]
    assert received(broker) == [*values, *(topics[::-1] * 50)]
    assert backlog.limits == {MAX_IN_FLIGHT}
    figures = link.figures
    assert (figures.connections, figures.published, figures.queued, figures.dropped) == (1, 104, 0, 0)


def test_it_is_told_of_news(mosquitto: Mosquitto, watch: Watch, open_link: OpenLink) -> None:
    watcher = watch(mosquitto.port)
    backlog = Waiting()
    link = open_link(mosquitto.port, backlog=backlog)
    watcher.until(TOPICS.availability, "online")
    for number in range(1, 4):
        backlog.put(event(number))
        link.notify()
        assert watcher.next().payload == event(number).payload
    assert backlog.empty.wait(PATIENCE_S)


def test_an_older_one_that_turns_up_late_is_sent_all_the_same(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink
) -> None:
    # As from a file that could not be read when its turn came.
    watcher = watch(mosquitto.port)
    backlog = Waiting(event(2), event(3))
    link = open_link(mosquitto.port, backlog=backlog)
    assert [watcher.until(TOPICS.wake_event)[-1].payload, watcher.next().payload] == [
        event(number).payload for number in (2, 3)
    ]
    assert backlog.empty.wait(PATIENCE_S)
    backlog.put(event(1))
    link.notify()
    assert watcher.next().payload == event(1).payload


def test_only_what_waited_for_long_is_late(mosquitto: Mosquitto, watch: Watch, open_link: OpenLink) -> None:
    watcher = watch(mosquitto.port)
    backlog = Waiting(event(1, age_s=LATE_S + 1), event(2))
    open_link(mosquitto.port, backlog=backlog, discovery={"enabled": False})
    seen = watcher.until(TOPICS.wake_event, event(2).payload)
    late = {key["event_id"]: key["late"] for key in (json.loads(one.payload) for one in seen[-2:])}
    assert late == {"e1": True, "e2": False}


@pytest.mark.parametrize("greets", [True, False], ids=["greeting", "no greeting"])
def test_what_is_late_waits_for_home_assistant_and_values_do_not(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, monkeypatch: pytest.MonkeyPatch, greets: bool
) -> None:
    monkeypatch.setattr(greeting, "BIRTH_S", 2 * PATIENCE_S if greets else 0.3)
    monkeypatch.setattr(repeats, "JITTER_S", 0.0)
    monkeypatch.setattr(repeats, "REST_S", 0.0)
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port, backlog=Waiting(event(1, age_s=LATE_S + 1), event(2)))
    link.publish(state("idle"))
    assert ids(watcher.until(TOPICS.state, "idle")) == []
    if greets:
        watcher.publish("homeassistant/status", "online")
        assert ids(watcher.until(TOPICS.state, "idle")) == []
    assert ids(watcher.until(TOPICS.wake_event, event(2).payload)) == ["e1", "e2"]


def test_what_is_late_is_sent_before_the_end_in_any_case(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink
) -> None:
    watcher = watch(mosquitto.port)
    link = open_link(mosquitto.port, backlog=Waiting(event(1, age_s=LATE_S + 1)))
    watcher.until(TOPICS.availability, "online")
    link.close(PATIENCE_S)
    assert ids(watcher.until(TOPICS.availability, "offline")) == ["e1"]


def test_what_was_not_confirmed_is_sent_again_and_what_was_is_not(
    mosquitto: Mosquitto, open_link: OpenLink
) -> None:
    backlog = Waiting(event(1))
    link = open_link(mosquitto.port, backlog=backlog)
    assert backlog.empty.wait(PATIENCE_S)
    with mosquitto.frozen():
        for number in range(2, 40):
            backlog.put(event(number))
            link.notify()
        mosquitto.kill()
        backlog.empty.clear()
    mosquitto.start()
    assert backlog.empty.wait(PATIENCE_S)
    assert received(mosquitto).count(TOPICS.wake_event) == 39


def test_what_waits_is_said_before_the_goodbye(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink
) -> None:
    watcher = watch(mosquitto.port)
    backlog = Waiting()
    link = open_link(mosquitto.port, backlog=backlog)
    watcher.until(TOPICS.availability, "online")
    for number in range(1, 51):
        backlog.put(event(number))
    link.publish(DONE)
    link.notify()
    link.close(PATIENCE_S)
    seen = watcher.until(TOPICS.availability, "offline")
    assert ids(seen) == [f"e{number}" for number in range(1, 51)]
    assert not backlog.after(0, 1)


@pytest.mark.parametrize("policy", ["off", "events", "retained"])
def test_words_that_waited_go_where_todays_settings_let_them(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink, policy: str
) -> None:
    # Said when the broker was away, and all words were to be retained; then somebody changed the settings.
    words = [
        WaitingEvent(number, topic, event(number).payload, True, time.time())
        for number, topic in enumerate((TOPICS.transcript(Side.USER), "old/id/transcript/user"), 1)
    ]
    backlog = Waiting(*words, event(3))
    watcher = watch(mosquitto.port)
    open_link(mosquitto.port, backlog=backlog, transcripts={"user": policy})
    watcher.until(TOPICS.wake_event)
    assert backlog.empty.wait(PATIENCE_S)
    filled = r"Received .*, r(\d), m\d+, '([^']+/transcript/user)', \.\.\. \([1-9]\d* bytes"
    sent = re.findall(filled, mosquitto.log)
    retained = "1" if policy == "retained" else "0"
    assert sent == ([] if policy == "off" else [(retained, one.topic) for one in words])


def test_a_retained_event_is_kept_by_the_broker_and_not_repeated(
    mosquitto: Mosquitto, watch: Watch, open_link: OpenLink
) -> None:
    waiting = event(1)
    backlog = Waiting(WaitingEvent(1, waiting.topic, waiting.payload, True, waiting.happened_at))
    link = open_link(mosquitto.port, backlog=backlog)
    assert backlog.empty.wait(PATIENCE_S)
    assert watch(mosquitto.port).until(TOPICS.wake_event)[-1].retained
    mosquitto.stop()
    mosquitto.start()
    link.publish(DONE)
    assert {one.topic for one in watch(mosquitto.port).until(TOPICS.state)} == {
        TOPICS.availability,
        TOPICS.state,
    }
