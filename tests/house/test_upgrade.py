"""What an upgrade, a reload and a changed mind leave in Home Assistant."""

import json
import time
from collections.abc import Callable

from paho.mqtt import subscribe

from tests.house import shown
from tests.house.child import Daemon
from tests.house.home_assistant import HomeAssistant
from tests.house.lamp import Lamp
from tests.house.shown import QUIET
from tests.mosquitto import Mosquitto

MakeDaemon = Callable[..., Daemon]


def test_an_upgrade_removes_an_entity_and_leaves_the_others(
    mosquitto: Mosquitto, lamp: Lamp, ha: HomeAssistant, make_daemon: MakeDaemon
) -> None:
    kitchen = make_daemon(removed=[("mood", "sensor")])
    older(mosquitto, lamp, kitchen)
    shown.until(ha, kitchen, dict.fromkeys((*QUIET, "mood"), "unavailable"))
    since = time.monotonic()
    kitchen.start()
    shown.until(ha, kitchen)
    assert kitchen.entity("sensor", "mood") not in ha.registered
    assert shown.turns(ha, kitchen, since) == [[False, True]]


def test_an_upgrade_while_home_assistant_does_not_run_leaves_the_entity_unavailable(
    mosquitto: Mosquitto, lamp: Lamp, ha: HomeAssistant, make_daemon: MakeDaemon
) -> None:
    """Home Assistant forgets only what it has heard of since its start; its user can delete the rest."""
    kitchen = make_daemon(removed=[("mood", "sensor")])
    older(mosquitto, lamp, kitchen)
    shown.until(ha, kitchen, dict.fromkeys((*QUIET, "mood"), "unavailable"))
    ha.stop()
    kitchen.start()
    kitchen.do("settle")
    kitchen.stop()  # by then the broker has its message
    kitchen.start()
    ha.start()
    shown.until(ha, kitchen, {**QUIET, "mood": "unavailable"})
    assert ha.states[kitchen.entity("sensor", "mood")].attributes == {"restored": True}
    assert ha.warnings == []


def older(broker: Mosquitto, lamp: Lamp, kitchen: Daemon) -> None:
    """Leave at the broker what an older version would have: its message has one entity more."""
    kitchen.start()
    topic = "homeassistant/device/moshi_speaker_kitchen/config"
    message = subscribe.simple(topic, hostname="127.0.0.1", port=broker.port)  # type: ignore[no-untyped-call]
    kitchen.stop()
    discovery = json.loads(message.payload)
    mood = {
        "name": "Mood",
        "unique_id": "moshi_speaker_kitchen_mood",
        "default_entity_id": kitchen.entity("sensor", "mood"),
    }
    discovery["components"]["mood"] = {
        "platform": "sensor",
        "state_topic": "moshi-speaker/kitchen/mood",
        **mood,
    }
    lamp.tell(topic, json.dumps(discovery))


def test_the_integration_is_loaded_again_when_somebody_enables_an_entity(
    ha: HomeAssistant, make_daemon: MakeDaemon
) -> None:
    kitchen = make_daemon(sections={"mqtt": {"transcripts": {"assistant": "retained"}}})
    kitchen.start()
    wanted = shown.changed(ha, kitchen)
    ha.enable(kitchen.entity("sensor", "model_memory"))
    shown.until(ha, kitchen, {**wanted, "model_memory": "8"})


def test_what_moshi_said_last_is_there_after_a_restart_if_it_is_retained_and_fires_no_second_event(
    ha: HomeAssistant, make_daemon: MakeDaemon
) -> None:
    kitchen = make_daemon(sections={"mqtt": {"transcripts": {"assistant": "retained"}}})
    kitchen.start()
    shown.until(ha, kitchen)
    sensor, event = (
        kitchen.entity("sensor", "last_assistant"),
        kitchen.entity("event", "transcript_assistant"),
    )
    ha.enable(sensor)
    ha.enable(event)
    ha.until(lambda states: states[event].available and states[sensor].available)
    ha.settle()
    kitchen.do("start")
    words = " ".join(["word"] * 119) + " end."
    kitchen.do(f"say {words}")
    ha.until(lambda states: states[sensor].attributes.get("text") == words)
    assert (len(ha.states[sensor].state), ha.states[sensor].state[-1]) == (255, "…")
    births = ha.births
    ha.restart()
    ha.until(lambda states: ha.births > births and states[sensor].attributes.get("text") == words)
    kitchen.do("say Bye.")
    ha.until(lambda states: states[sensor].state == "Bye.")
    fired = [one.event["text"] for one in ha.fired if one.entity_id == event]
    assert fired == [words, "Bye."]
    assert ha.warnings == []
