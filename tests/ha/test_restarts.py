"""Whatever is restarted, killed or frozen, in whatever order: Home Assistant shows the truth soon after."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.ha.api import Fields
from tests.ha.house import ID, KEEPALIVE_S, House, entity
from tests.house.network import Network
from tests.room.house import Speaker

pytestmark = pytest.mark.homeassistant

KEYS = (
    "sensor.state",
    "binary_sensor.conversation",
    "binary_sensor.problem",
    "switch.mute",
    "number.volume",
    "number.wake_sensitivity",
    "select.wake_word",
    "sensor.model",
    "sensor.started",
)
LOOKS_S = 6.0
"""Mosquitto looks every five seconds whose time is over."""
AWAY_S = 10.0
"""After which an event is late; the talk has ended earlier, two seconds after it began."""
RECONNECT_S = 60.0
"""Home Assistant tries every ten seconds; then it greets, and we answer within three."""


@contextmanager
def noticing(house: House) -> Iterator[None]:
    """Meanwhile the speaker gets a volume of its own, which nobody could guess; it must show afterwards."""
    house.api.do("number.set_value", entity("number.volume"), value=37)
    house.api.expect(entity("number.volume"), "37")
    yield
    house.api.expect(entity("number.volume"), "37", within_s=RECONNECT_S)
    house.api.expect(entity("sensor.state"), "idle", within_s=RECONNECT_S)
    for key in KEYS:
        house.api.knows(entity(key), within_s=RECONNECT_S)
    assert house.api.state(entity("event.wake")) != "unavailable"
    assert house.api.state(entity("button.start")) != "unavailable"


@pytest.fixture(scope="module")
def speaker(house: House) -> Iterator[Speaker]:
    """A speaker that outlives everything around it."""
    with house.speaker() as speaker:
        yield speaker


def test_home_assistant_restarts(house: House, speaker: Speaker) -> None:
    with noticing(house):
        house.stop_homeassistant()
        house.start_homeassistant()


def test_home_assistant_is_killed(house: House, speaker: Speaker) -> None:
    with noticing(house):
        house.stop_homeassistant(kill=True)
        house.start_homeassistant()


def test_the_broker_restarts_and_has_lost_what_it_retained(house: House, speaker: Speaker) -> None:
    with noticing(house):
        house.broker.kill()
        house.api.expect(entity("sensor.state"), "unavailable")
        house.broker.start()
        house.api.expect(entity("sensor.state"), "idle", within_s=RECONNECT_S)


def test_broker_and_home_assistant_restart_and_home_assistant_is_first(
    house: House, speaker: Speaker
) -> None:
    with noticing(house):
        house.stop_homeassistant()
        house.broker.kill()
        house.start_homeassistant()
        house.broker.start()


def test_broker_and_home_assistant_restart_and_the_broker_is_first(house: House, speaker: Speaker) -> None:
    with noticing(house):
        house.broker.kill()
        house.stop_homeassistant()
        house.broker.start()
        house.start_homeassistant()


def test_a_state_that_changed_while_home_assistant_was_away_is_shown(house: House, speaker: Speaker) -> None:
    house.stop_homeassistant()
    house.publish(f"moshi-speaker/{ID}/mute/set", "ON")
    speaker.witness.forget()
    house.start_homeassistant()
    house.api.expect(entity("switch.mute"), "on", within_s=RECONNECT_S)
    house.api.expect(entity("sensor.state"), "muted")
    house.api.do("switch.turn_off", entity("switch.mute"))
    house.api.expect(entity("sensor.state"), "idle")


def test_nobody_complains_of_us(house: House, speaker: Speaker) -> None:
    own = (
        "Failed to connect to MQTT",
        "Disconnected from MQTT",
        "Error returned from MQTT",
        "Failed to subscribe",
    )
    assert [line for line in house.ha.complaints() if not any(text in line for text in own)] == []


def test_killed_minus_9_and_started_again(make_house: Callable[..., House]) -> None:
    house = make_house()
    with house.speaker() as speaker:
        speaker.program.send_signal(signal.SIGKILL)
        took = house.api.expect(entity("sensor.state"), "unavailable")
        assert took < 2
        for key in KEYS:
            house.api.expect(entity(key), "unavailable")
    with house.speaker(), noticing(house):
        pass
    assert house.ha.complaints() == []


def test_frozen_and_thawed(make_house: Callable[..., House]) -> None:
    house = make_house()
    with house.speaker() as speaker, noticing(house):
        speaker.program.send_signal(signal.SIGSTOP)
        took = house.api.expect(entity("sensor.state"), "unavailable", within_s=3 * KEEPALIVE_S)
        speaker.program.send_signal(signal.SIGCONT)
        house.api.expect(entity("sensor.state"), "idle", within_s=RECONNECT_S)
    assert 0.5 * KEEPALIVE_S < took < 1.5 * KEEPALIVE_S + LOOKS_S
    assert house.ha.complaints() == []


def test_stopped_in_order_it_is_away_at_once(make_house: Callable[..., House]) -> None:
    house = make_house()
    with house.speaker() as speaker:
        speaker.program.stop()
        assert house.api.expect(entity("sensor.state"), "unavailable") < 2
    assert house.ha.complaints() == []


def test_what_happened_while_the_network_was_down_is_told_late(make_house: Callable[..., House]) -> None:
    house = make_house()
    with Network(house.broker.port) as network, house.speaker(mqtt={"port": network.port}):
        seen = len(house.api.events)
        house.api.do("button.press", entity("button.start"))
        house.api.shows(entity("event.conversation_event"), event_type="started", late=False)
        with network.down():
            house.api.expect(entity("sensor.state"), "unavailable")
            time.sleep(AWAY_S)  # the talk has ended meanwhile, since nobody speaks

        house.api.shows(
            entity("event.conversation_event"), event_type="ended", late=True, within_s=RECONNECT_S
        )
        house.api.expect(entity("binary_sensor.conversation"), "off")
        kinds = [change["attributes"]["event_type"] for change in _changes(house, seen)]
        assert kinds == ["started", "ended"]
    assert house.ha.complaints() == []


def _changes(house: House, seen: int) -> list[Fields]:
    """What the conversation event told, each id once: a cable pulled in mid-answer makes it come twice."""
    name = entity("event.conversation_event")
    changes = [e["data"] for e in house.api.events[seen:] if e["event_type"] == "state_changed"]
    news = [change["new_state"] for change in changes if change["entity_id"] == name]
    told = {new["attributes"]["event_id"]: new for new in news if "event_id" in new["attributes"]}
    return list(told.values())
