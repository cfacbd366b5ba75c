"""The simulation does what a real Home Assistant was seen to do: else the other tests would prove little."""

import json

import pytest

from tests.house.entities import EntityState
from tests.house.home_assistant import HomeAssistant
from tests.house.lamp import STATE, TOPIC, Lamp, component, message, shows
from tests.mosquitto import Mosquitto


def test_an_entity_is_unavailable_until_the_first_availability_message(ha: HomeAssistant, lamp: Lamp) -> None:
    lamp.announce(state=component("sensor", "state"))
    lamp.tell("lamp/state", "red")
    shows(ha, "unavailable")
    lamp.tell("lamp/availability", "yes")  # neither word: ignored
    lamp.tell("lamp/availability", "online")
    shows(ha, "red")
    lamp.tell("lamp/availability", "stopped")
    lamp.tell("lamp/state", "green")
    shows(ha, "green")
    lamp.tell("lamp/availability", "offline")
    shows(ha, "unavailable")
    assert ha.availability(STATE) == [False, True, False]
    assert ha.warnings == []


def test_another_message_updates_in_place_and_what_it_leaves_out_stays(ha: HomeAssistant, lamp: Lamp) -> None:
    lamp.sensor()
    lamp.tell("lamp/state", "red")
    shows(ha, "red")
    lamp.announce(colour=component("sensor", "colour"))
    shows(ha, "unknown", "sensor.lamp_colour")
    assert shows(ha, "red") == EntityState("red")
    lamp.announce(
        state=component("sensor", "state", state_topic="lamp/other", default_entity_id="sensor.other")
    )
    lamp.tell("lamp/other", "blue")
    shows(ha, "blue")  # and not under its new name
    assert ha.states.keys() == {STATE, "sensor.lamp_colour"}


def test_a_stub_removes_an_entity_and_an_empty_message_the_device(ha: HomeAssistant, lamp: Lamp) -> None:
    lamp.announce(state=component("sensor", "state"), colour=component("sensor", "colour"))
    ha.until(lambda states: len(states) == 2)
    lamp.announce(state={"platform": "sensor"}, stranger={"platform": "switch"})
    ha.until(lambda states: states.keys() == {"sensor.lamp_colour"})
    assert ha.devices.keys() == {"lamp"}
    lamp.tell(TOPIC, None)
    ha.until(lambda states: not states)
    assert (ha.registered, ha.devices, ha.warnings) == (set(), {}, [])


def test_a_stub_that_came_while_it_did_not_run_leaves_the_entity_restored(
    ha: HomeAssistant, lamp: Lamp
) -> None:
    lamp.sensor()
    ha.until(lambda states: STATE in states)
    ha.stop()
    assert ha.states == {}
    lamp.announce(state={"platform": "sensor"}, colour=component("sensor", "colour"))
    ha.start()
    shows(ha, "unknown", "sensor.lamp_colour")
    assert ha.states[STATE] == EntityState("unavailable", {"restored": True})
    lamp.sensor()  # the full entity, and then the stub
    shows(ha, "unknown")
    lamp.announce(state={"platform": "sensor"})
    ha.until(lambda states: states.keys() == {"sensor.lamp_colour"})


@pytest.mark.parametrize(
    ("topic", "payload", "cause"),
    [
        (TOPIC, "{", "JSON"),
        (TOPIC, json.dumps({"device": {}, "components": {}}), "origin"),
        (TOPIC, message(player={"platform": "media_player", "unique_id": "p"}), "platform"),
        (TOPIC, message(state={"platform": "sensor", "state_topic": "lamp/state"}), "unique_id"),
        ("homeassistant/device/my.lamp/config", message(), "illegal discovery topic"),
    ],
)
def test_a_device_that_is_wrong_is_rejected_and_the_old_one_stays(
    ha: HomeAssistant, lamp: Lamp, topic: str, payload: str, cause: str
) -> None:
    lamp.sensor()
    shows(ha, "unknown")
    lamp.tell(topic, payload)
    ha.until(lambda states: ha.warnings)
    assert cause in ha.warnings[0]
    assert shows(ha, "unknown")


def test_all_is_unavailable_while_the_broker_is_away_and_as_before_when_it_is_back(
    mosquitto: Mosquitto, ha: HomeAssistant, lamp: Lamp
) -> None:
    lamp.sensor()
    lamp.tell("lamp/state", "red")
    shows(ha, "red")
    ha.until(lambda states: ha.births == 1)
    mosquitto.kill()
    shows(ha, "unavailable")
    mosquitto.start()  # which has forgotten everything
    shows(ha, "red")
    ha.until(lambda states: ha.births == 2)


def test_after_a_restart_it_knows_what_the_broker_retains_and_nothing_else(
    ha: HomeAssistant, lamp: Lamp
) -> None:
    lamp.announce(state=component("sensor", "state"), colour=component("sensor", "colour"))
    lamp.tell("lamp/availability", "online")
    lamp.tell("lamp/colour", "dark")
    shows(ha, "dark", "sensor.lamp_colour")
    ha.settle()
    lamp.tell("lamp/state", "red", retain=False)
    shows(ha, "red")
    ha.restart()
    shows(ha, "dark", "sensor.lamp_colour")
    assert shows(ha, "unknown")
    lamp.tell(TOPIC, None)
    ha.until(lambda states: not states)


def test_without_its_discovery_message_an_entity_is_restored_after_a_restart(
    mosquitto: Mosquitto, ha: HomeAssistant, lamp: Lamp
) -> None:
    lamp.sensor()
    shows(ha, "unknown")
    ha.stop()
    mosquitto.kill()
    mosquitto.start()
    ha.start()
    ha.until(lambda states: ha.births == 1)
    assert ha.states == {STATE: EntityState("unavailable", {"restored": True})}


def test_the_birth_message_is_not_retained_and_the_will_says_offline_at_a_stop(
    mosquitto: Mosquitto, ha: HomeAssistant, lamp: Lamp
) -> None:
    status = component("sensor", "state", state_topic="homeassistant/status")
    lamp.tell("elsewhere/device/lamp/config", message(state=status))
    lamp.tell("lamp/availability", "online")
    ha.until(lambda states: ha.births == 1)
    with HomeAssistant(mosquitto.port, prefix="elsewhere") as other:
        shows(other, "unknown")
        other.settle()
        ha.reload()
        shows(other, "online")
        assert ha.births == 2
        ha.stop()
        shows(other, "offline")
        assert [one.state.state for one in other.changes][-2:] == ["online", "offline"]


def test_what_is_no_utf_8_is_dropped(ha: HomeAssistant, lamp: Lamp) -> None:
    lamp.sensor()
    lamp.tell("lamp/state", b"\xff")
    ha.until(lambda states: ha.warnings)
    assert "decode" in ha.warnings[0]
    shows(ha, "unknown")


def test_a_value_expires_and_lasts_over_a_restart_only_for_the_rest_of_its_time(
    ha: HomeAssistant, lamp: Lamp
) -> None:
    lamp.sensor(expire_after=10)  # a second
    ha.until(lambda states: STATE in states)
    ha.settle()
    assert not ha.states[STATE].available
    lamp.tell("lamp/state", "red", retain=False)
    shows(ha, "red")
    ha.restart()
    shows(ha, "red")
    assert ha.until(lambda states: states[STATE].state == "unavailable") < 1.0
    births = ha.births
    ha.restart()
    ha.until(lambda states: ha.births > births)
    assert not ha.states[STATE].available


def test_a_changed_discovery_message_makes_a_value_that_expires_wait_for_the_next_one(
    ha: HomeAssistant, lamp: Lamp
) -> None:
    lamp.sensor(expire_after=600)
    ha.until(lambda states: STATE in states)
    ha.settle()
    lamp.tell("lamp/state", "red", retain=False)
    shows(ha, "red")
    lamp.sensor(expire_after=600)  # the same again changes nothing
    lamp.sensor(expire_after=600, name="Other")
    shows(ha, "unavailable")
    lamp.tell("lamp/state", "red", retain=False)
    shows(ha, "red")


def test_an_entity_that_is_disabled_is_registered_and_shown_once_it_is_enabled(
    ha: HomeAssistant, lamp: Lamp
) -> None:
    lamp.sensor(enabled_by_default=False)
    lamp.tell("lamp/state", "red")
    ha.until(lambda states: ha.registered)
    assert ha.states == {}
    ha.enable(STATE)
    shows(ha, "red")


def test_controls_send_what_they_were_told_to(mosquitto: Mosquitto, ha: HomeAssistant, lamp: Lamp) -> None:
    lamp.announce(
        power=component("switch", "power"),
        level=component("number", "level"),
        mode=component("select", "mode", options=["day", "night"]),
        again=component("button", "again", command_topic="lamp/again", payload_press="now"),
    )
    lamp.tell("lamp/availability", "online")
    ha.until(lambda states: len(states) == 4 and all(one.available for one in states.values()))
    ha.turn("switch.lamp_power", on=True)
    ha.set_value("number.lamp_level", 70.0)
    ha.set_value("number.lamp_level", 0.57)
    ha.select("select.lamp_mode", "night")
    ha.press("button.lamp_again")
    received = [line for line in mosquitto.log.splitlines() if "Received PUBLISH" in line and "/set'" in line]
    assert len(received) == 4
    assert all("q1, r0" in line for line in received)
