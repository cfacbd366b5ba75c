"""Commands between the broker and the speaker: what goes through, what is refused, and what the log says."""

import json
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from moshi_speaker.events import HealthRequested, StartRequested, StopRequested, VolumeRequested
from moshi_speaker.home.intake import Intake
from moshi_speaker.home.limiter import BURST, Command
from moshi_speaker.home.payloads import Message
from moshi_speaker.home.topics import Topics

TOPICS = Topics("moshi-speaker", "kitchen")
PATIENCE_S = 10.0


@dataclass
class House:
    """Whoever an intake tells."""

    commands: "queue.Queue[Command]" = field(default_factory=queue.Queue)
    published: "queue.Queue[Message]" = field(default_factory=queue.Queue)
    complaints: list[str] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """The next answer."""
        message = self.published.get(timeout=PATIENCE_S)
        assert not message.retain
        fields = json.loads(message.payload)
        assert isinstance(fields, dict)
        return fields | {"topic": message.topic}


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def intake(house: House) -> Iterator[Intake]:
    one = Intake(TOPICS, house.commands.put, house.published.put, house.complaints.append, time.monotonic)
    yield one
    one.close()
    for thread in threading.enumerate():
        if thread.name == "mqtt-intake":
            thread.join(PATIENCE_S)


def test_a_command_goes_through(intake: Intake, house: House) -> None:
    intake.hear(TOPICS.conversation_set, b"start", False)
    assert house.commands.get_nowait() == StartRequested("mqtt")
    assert not house.complaints


def test_a_retained_one_does_not(intake: Intake, house: House) -> None:
    intake.hear(TOPICS.conversation_set, b"start", True)
    intake.hear(TOPICS.request("health"), b"nonsense", True)
    assert house.commands.empty() and house.published.empty() and not house.complaints


def test_nonsense_is_complained_of_and_a_bad_request_answered_where_it_asks(
    intake: Intake, house: House
) -> None:
    intake.hear(TOPICS.volume_set, b"loud", False)
    assert house.published.empty()
    intake.hear(TOPICS.request("history"), b'{"limit": 0, "transaction": 5}', False)
    answer = house.answer()
    assert (answer["topic"], answer["status"], answer["data"]) == (TOPICS.response("history"), "error", None)
    assert answer["transaction"] == 5
    assert "limit does not fit" in answer["error"]
    assert len(house.complaints) == 2


def test_the_last_of_a_flood_of_values_is_carried_out(intake: Intake, house: House) -> None:
    for percent in (*range(100), *range(100), 55):
        intake.hear(TOPICS.volume_set, b"%d" % percent, False)
    commands = [house.commands.get_nowait() for _ in range(BURST)]
    assert commands == [VolumeRequested(percent) for percent in range(BURST)]
    last = house.commands.get(timeout=PATIENCE_S)
    while last != VolumeRequested(55):
        last = house.commands.get(timeout=PATIENCE_S)
    assert house.commands.empty()
    assert any("too many commands" in line for line in house.complaints)


def test_nonsense_takes_no_room_from_what_makes_sense(intake: Intake, house: House) -> None:
    for _ in range(500):
        intake.hear(TOPICS.request("health"), b"nonsense", False)
        intake.hear(TOPICS.volume_set, b"nonsense", False)
    intake.hear(TOPICS.request("health"), b'{"transaction": "t"}', False)
    intake.hear(TOPICS.volume_set, b"30", False)
    assert house.commands.get_nowait() == HealthRequested("t")
    assert house.commands.get_nowait() == VolumeRequested(30)


def test_every_excess_request_is_in_the_count_of_a_refusal(intake: Intake, house: House) -> None:
    for number in range(500):
        intake.hear(TOPICS.request("health"), b'{"transaction": %d}' % number, False)
    carried_out = house.commands.qsize()
    refused, transaction = 0, 0
    while transaction != 499:
        answer = house.answer()
        assert answer["topic"] == TOPICS.response("health")
        assert "at most 10 a second are answered" in answer["error"]
        refused += int(answer["error"].partition("too many requests, ")[2].split()[0])
        transaction = answer["transaction"]
    assert (carried_out + refused, carried_out >= BURST) == (500, True)


def test_a_stop_does_not_wait_behind_a_flood(intake: Intake, house: House) -> None:
    for _ in range(2_000):
        intake.hear(TOPICS.conversation_set, b"start", False)
    intake.hear(TOPICS.conversation_set, b"stop", False)
    commands = [house.commands.get_nowait() for _ in range(house.commands.qsize())]
    assert commands[-1] == StopRequested()
    assert commands.count(StopRequested()) == 1


def test_when_closed_nothing_comes_any_more(intake: Intake, house: House) -> None:
    for percent in range(50):
        intake.hear(TOPICS.volume_set, b"%d" % percent, False)
    intake.close()
    done = house.commands.qsize()
    for thread in threading.enumerate():
        if thread.name == "mqtt-intake":
            thread.join(PATIENCE_S)
    assert house.commands.qsize() == done
