"""Minutes of talk without a broker, and a kill in the middle: every event arrives, once, in order.

What may be lost when the process is killed is what had not been committed to the history yet: the last few
events of that life, never one between others. The file itself says what had been.
"""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.house.child import Daemon
from tests.house.ledger import Arrived, Ledger
from tests.house.network import Network
from tests.mosquitto import Mosquitto

MakeMosquitto = Callable[..., Mosquitto]
LATE_S = 0.5
"""Age from which an event is late; ten seconds if time is not compressed."""
EACH = 10
"""Sentences in a conversation: with its start and its end it makes twelve events."""
SECTIONS: dict[str, dict[str, Any]] = {"mqtt": {"transcripts": {"assistant": "events"}}}
SHORTER = {"moshi_speaker.home.backlog:LATE_S": LATE_S}


@dataclass(frozen=True)
class Kept:
    """An event in the history."""

    event_id: str
    kind: str
    at: float
    """Seconds since 1970."""
    text: str | None


def kept(daemon: Daemon) -> list[Kept]:
    """All that is committed, in order."""
    query = (
        "SELECT event_id, kind, events.at, text FROM events LEFT JOIN utterances USING (number)"
        " ORDER BY number"
    )
    with closing(sqlite3.connect(daemon.state_dir / "history.sqlite3", timeout=10.0)) as file:
        return [Kept(*row) for row in file.execute(query)]


def said(events: list[Kept]) -> list[int]:
    """Numbers of the sentences among them."""
    return [number_in(event.text) for event in events if event.text is not None]


def number_in(text: str) -> int:
    found = re.fullmatch(r"This is sentence (\d+)\.", text)
    assert found is not None, text
    return int(found[1])


def settled(daemon: Daemon) -> list[Kept]:
    """All that has happened so far, once it is committed."""
    daemon.do("settle")
    return kept(daemon)


def until_said(daemon: Daemon, number: int) -> None:
    """Wait until the speaker has said this sentence."""
    daemon.stdout.expect(rf"^said {number}$")


def kill_in_talk(daemon: Daemon, first: int, last: int) -> list[Kept]:
    """Kill it while it talks; what it had committed by then. Not more than its last words may be lost."""
    known = set(said(kept(daemon)))
    daemon.kill()
    events = kept(daemon)
    numbers = [number for number in said(events) if number >= first]
    assert known <= set(said(events))
    assert numbers == list(range(first, first + len(numbers))), "an event between others is missing"
    assert first + len(numbers) < last, "it had already said everything"
    return events


def assert_same(arrived: list[Arrived], events: list[Kept]) -> None:
    """What arrived is what was kept: once each, in order, with its own time and words."""
    assert [one.event_id for one in arrived] == [one.event_id for one in events]
    for one, event in zip(arrived, events, strict=True):
        assert one.fields.get("text") == event.text
        assert one.fields["event_type"] == {"transcript": "final", "wake": "detected"}.get(
            event.kind, event.kind
        )
        assert one.happened_at == pytest.approx(event.at, abs=0.002)
    times = [one.happened_at for one in arrived]
    assert times == sorted(times)


@pytest.fixture
def broker(make_mosquitto: MakeMosquitto, tmp_path: Path) -> Mosquitto:
    """One that keeps sessions over a restart, so that what it has got reaches the ledger."""
    keeping = ("persistence true", f"persistence_location {tmp_path}/", "max_queued_messages 0")
    broker = make_mosquitto("allow_anonymous true", *keeping)
    broker.start()
    return broker


@pytest.fixture
def ledger(broker: Mosquitto) -> Iterator[Ledger]:
    with Ledger(broker.port) as ledger:
        yield ledger


@pytest.fixture
def network(broker: Mosquitto) -> Iterator[Network]:
    """So slow that there is a middle of the delivery."""
    with Network(broker.port) as running:
        running.delay_s = 0.01
        yield running


@pytest.fixture
def kitchen(broker: Mosquitto, tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path, broker.port, sections=SECTIONS, shorter=SHORTER) as daemon:
        daemon.start()
        yield daemon


@pytest.fixture
def distant(network: Network, tmp_path: Path) -> Iterator[Daemon]:
    """A speaker behind the slow network."""
    with Daemon(tmp_path, network.port, sections=SECTIONS, shorter=SHORTER) as daemon:
        daemon.start()
        yield daemon


def test_ten_minutes_of_talk_without_a_broker_and_a_kill_in_the_middle(
    broker: Mosquitto, ledger: Ledger, kitchen: Daemon
) -> None:
    kitchen.do(f"talk 0 20 {EACH} 0.0")
    live = settled(kitchen)
    ledger.until_all([event.event_id for event in live])
    broker.stop()
    kitchen.tell(f"talk 100 300 {EACH} 0.005")
    until_said(kitchen, 250)
    first_life = kill_in_talk(kitchen, first=100, last=400)
    kitchen.start()
    kitchen.do(f"talk 500 150 {EACH} 0.0")
    events = settled(kitchen)
    assert events[: len(first_life)] == first_life
    assert len(said(events)) >= 20 + 150 + 150
    time.sleep(LATE_S)  # so that all of it is late
    broker.start()
    ledger.until_all([event.event_id for event in events])
    assert_same(ledger.arrived, events)
    late = [one.late for one in ledger.arrived]
    assert late == [number >= len(live) for number in range(len(events))]


def test_a_kill_in_the_middle_of_the_delivery_sends_some_again_and_loses_none(
    ledger: Ledger, network: Network, distant: Daemon
) -> None:
    with network.down():
        distant.do(f"talk 0 200 {EACH} 0.0")
        events = settled(distant)
    ledger.until(lambda arrived: len(arrived) >= 100)
    distant.kill()
    assert len(ledger.once) < len(events), "it had already delivered everything"
    distant.start()
    ledger.until_all([event.event_id for event in events])
    assert_same(ledger.once, events)
    assert len(ledger.arrived) - len(ledger.once) < len(events) / 2


def test_a_broker_that_restarts_in_the_middle_of_the_delivery_gets_the_rest(
    broker: Mosquitto, ledger: Ledger, network: Network, distant: Daemon
) -> None:
    with network.down():
        distant.do(f"talk 0 200 {EACH} 0.0")
        events = settled(distant)
    ledger.until(lambda arrived: len(arrived) >= 100)
    broker.stop()
    assert len(ledger.once) < len(events), "it had already delivered everything"
    broker.start()
    ledger.until_all([event.event_id for event in events])
    assert_same(ledger.once, events)


def test_talk_that_goes_on_while_the_backlog_is_delivered_comes_after_it(
    ledger: Ledger, network: Network, distant: Daemon
) -> None:
    with network.down():
        distant.do(f"talk 0 100 {EACH} 0.0")
    ledger.until(lambda arrived: arrived)
    distant.do(f"talk 100 50 {EACH} 0.0")
    events = settled(distant)
    ledger.until_all([event.event_id for event in events])
    assert_same(ledger.arrived, events)


def test_who_reads_the_history_meanwhile_takes_nothing_from_it(ledger: Ledger, kitchen: Daemon) -> None:
    """SQLite's locks are those of a process: if ours had lost them, another one would remove its journal."""
    kitchen.do(f"talk 0 20 {EACH} 0.0")
    ledger.until_all([event.event_id for event in settled(kitchen)])
    kitchen.do(f"talk 20 20 {EACH} 0.0")
    kitchen.do("settle")
    kitchen.kill()
    assert said(kept(kitchen)) == list(range(40))


def test_without_a_history_the_newest_events_wait_in_memory_and_the_others_are_counted(
    broker: Mosquitto, ledger: Ledger, tmp_path: Path
) -> None:
    few = {"moshi_speaker.history.history:MAX_IN_MEMORY": 50}
    sections = {**SECTIONS, "history": {"keep_days": "off"}}
    with Daemon(tmp_path, broker.port, sections=sections, shorter={**SHORTER, **few}) as kitchen:
        kitchen.start()
        kitchen.do(f"talk 0 10 {EACH} 0.0")
        ledger.until(lambda arrived: len(arrived) == 12)
        broker.stop()
        kitchen.do(f"talk 10 90 {EACH} 0.0")
        broker.start()
        ledger.until(lambda arrived: len(arrived) == 12 + 50)
        numbers = [int(one.event_id.rpartition("-e")[2]) for one in ledger.arrived]
        assert numbers == [*range(1, 13), *range(121 - 50, 121)]
        assert kitchen.stderr.expect("58 oldest events")
        broker.stop()
        kitchen.do(f"talk 100 10 {EACH} 0.0")
        kitchen.kill()
        broker.start()
        kitchen.start()
        kitchen.do("talk 200 1 1 0.0")
        ledger.until(lambda arrived: len(arrived) == 12 + 50 + 3)
        assert not list(kitchen.state_dir.glob("history*"))
