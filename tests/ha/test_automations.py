"""The ten example automations load, and each does its thing in a real Home Assistant.

Only what is not ours is another entity here, and the times of the day and the patience are near ones.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.ha.homeassistant import OURS
from tests.ha.house import ID, House, entity
from tests.room.house import Speaker

pytestmark = pytest.mark.homeassistant

TELEVISION = "media_player.living_room"
EVENT = f"moshi-speaker/{ID}/event/conversation"
EXAMPLES = OURS / "automations.yaml"
NAMES = [
    automation["id"].removeprefix("moshi_kitchen_") for automation in yaml.safe_load(EXAMPLES.read_text())
]


@pytest.fixture(scope="module")
def house(make_house: Callable[..., House]) -> House:
    """A house whose television is a demonstration, where it is noon, and which is quick to lose patience."""
    house = make_house("demo:\nautomation moshi: !include moshi_speaker.yaml\n", noon())
    return house


def noon() -> str:
    """The time zone in which it is about noon now, so that no test meets midnight."""
    west = datetime.now(UTC).hour - 12
    return f"Etc/GMT{west:+d}" if west else "Etc/GMT"


@pytest.fixture(scope="module")
def speaker(house: House) -> Iterator[Speaker]:
    """A speaker that waits patiently for somebody to say something."""
    with house.speaker(conversation={"end_silence_s": 60.0, "no_speech_s": 60.0}) as speaker:
        house.api.expect(entity("binary_sensor.problem"), "off")
        yield speaker


@pytest.fixture(autouse=True)
def idle(house: House, speaker: Speaker) -> Iterator[None]:
    """No talk before a test and none after it; the examples are as we give them."""
    speaker.witness.forget()
    house.api.expect(entity("sensor.state"), "idle")
    yield
    house.api.do("button.press", entity("button.stop"))
    house.api.do("switch.turn_off", entity("switch.mute"))
    house.api.expect(entity("sensor.state"), "idle")


def adapt(house: House, *changes: tuple[str, str]) -> None:
    """Install the examples with the entities of this house, and with these texts instead of those."""
    text = EXAMPLES.read_text().replace("media_player.television", TELEVISION)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (Path(house.ha.folder) / "moshi_speaker.yaml").write_text(text)
    house.api.do("automation.reload")


def fake(house: House, entity_id: str, state: str) -> None:
    """Let an entity that the house does not have be in a state."""
    house.api.post(f"/api/states/{entity_id}", state=state)
    house.api.expect(entity_id, state)


def clock(house: House, *, ahead: timedelta) -> str:
    """The time of day in the house, some time from now."""
    zone = house.api.ask("get_config")["time_zone"]
    hours = -int(re.sub(r"\D*(?=[+-])|Etc/GMT", "", zone) or 0)
    return (datetime.now(UTC) + timedelta(hours=hours) + ahead).strftime("%H:%M:%S")


def test_all_ten_load(house: House) -> None:
    found = {
        state["attributes"]["id"]: state["state"]
        for name, state in house.api.states.items()
        if name.startswith("automation.")
    }
    assert found == {f"moshi_kitchen_{name}": "on" for name in NAMES}
    assert len(NAMES) == 10


def test_good_morning_once_a_day(house: House, speaker: Speaker) -> None:
    adapt(
        house,
        ('"06:00:00"', '"00:00:00"'),
        ('"09:00:00"\n    - condition: state', '"23:59:59"\n    - condition: state'),
    )
    fake(house, "binary_sensor.kitchen_motion", "off")
    fake(house, "binary_sensor.kitchen_motion", "on")
    house.api.expect(entity("binary_sensor.conversation"), "on")
    house.api.do("button.press", entity("button.stop"))
    house.api.expect(entity("sensor.state"), "idle")
    seen = len(house.api.events)

    fake(house, "binary_sensor.kitchen_motion", "off")
    fake(house, "binary_sensor.kitchen_motion", "on")
    house.api.do("number.set_value", entity("number.volume"), value=61)
    house.api.expect(entity("number.volume"), "61")

    assert house.api.actions("button", after=seen) == []


def test_mute_at_night_and_hear_again_in_the_morning(house: House) -> None:
    adapt(house, ("22:30:00", clock(house, ahead=timedelta(seconds=3))), ("06:30:00", "11:00:00"))
    house.api.expect(entity("switch.mute"), "on")

    adapt(house, ("06:30:00", clock(house, ahead=timedelta(seconds=3))))
    house.api.expect(entity("switch.mute"), "off")


def test_a_speaker_that_comes_back_is_muted_at_night_only(house: House) -> None:
    night = clock(house, ahead=timedelta(minutes=-30)), clock(house, ahead=timedelta(minutes=30))
    adapt(house, ("22:30:00", night[0]), ("06:30:00", night[1]))
    house.blink("switch.mute")
    house.api.expect(entity("switch.mute"), "on")

    adapt(house)
    house.blink("switch.mute")
    assert house.api.state(entity("switch.mute")) == "on"


@pytest.mark.parametrize("bell", ["binary_sensor.door_bell", "binary_sensor.telephone_rings"])
def test_a_bell_ends_the_talk(house: House, speaker: Speaker, bell: str) -> None:
    fake(house, bell, "off")
    house.api.do("button.press", entity("button.start"))
    house.api.expect(entity("binary_sensor.conversation"), "on")

    fake(house, bell, "on")

    speaker.witness.expect("event/conversation", event_type="ended", reason="stop")


def test_the_television_is_turned_down_and_up_again(house: House) -> None:
    adapt(house)
    house.api.do("media_player.media_play", TELEVISION)
    house.api.do("media_player.volume_set", TELEVISION, volume_level=0.63)
    house.api.expect(TELEVISION, "playing", volume_level=0.63)

    house.api.do("button.press", entity("button.start"))
    house.api.expect(TELEVISION, "playing", volume_level=0.1)
    house.api.do("button.press", entity("button.stop"))
    house.api.expect(TELEVISION, "playing", volume_level=0.63)


def test_a_talk_is_noted_in_the_logbook(house: House) -> None:
    seen = len(house.api.events)
    house.api.do("button.press", entity("button.start"))
    house.api.expect(entity("binary_sensor.conversation"), "on")
    house.api.do("button.press", entity("button.stop"))

    note = house.api.expect_event("logbook_entry", after=seen)["data"]

    expected = r"talked until \d\d:\d\d for \d+ s, 0 utterances, begun by mqtt, ended by stop"
    assert re.fullmatch(expected, note["message"])


def test_restart_after_a_long_problem_but_not_for_what_it_cannot_mend(house: House) -> None:
    adapt(house, ("minutes: 10", "seconds: 1"))
    seen = len(house.api.events)

    _problem(house, "too_slow")
    house.api.expect(entity("binary_sensor.problem"), "off")
    _problem(house, "engine")

    house.api.expect_event("call_service", after=seen, domain="button", service="press")
    pressed = [call["service_data"]["entity_id"] for call in house.api.actions("button", after=seen)]
    assert pressed == [[entity("button.restart")]]
    house.api.knows(entity("sensor.state"))


def _problem(house: House, code: str) -> None:
    """The speaker has a problem for two seconds."""
    root = f"moshi-speaker/{ID}/problem"
    fields: dict[str, object] = {"code": code, "message": "It broke.", "since": None, "others": []}
    seen = len(house.api.events)
    house.publish(f"{root}/attributes", json.dumps(fields))
    house.publish(root, "ON")
    house.api.expect(entity("binary_sensor.problem"), "on", code=code)
    house.api.until(lambda: _elapsed(house, seen) > 2, lambda: "time stands still")
    house.publish(root, "OFF")


def _elapsed(house: House, seen: int) -> float:
    """Seconds between the first event after ``seen`` and the newest one."""
    first, last = (datetime.fromisoformat(house.api.events[n]["time_fired"]) for n in (seen, -1))
    return (last - first).total_seconds()


def test_the_volume_follows_the_time_of_day(house: House) -> None:
    house.api.do("number.set_value", entity("number.volume"), value=12)
    house.api.expect(entity("number.volume"), "12")

    adapt(house, ('"06:30:00", "09:00:00"', f'"06:30:00", "{clock(house, ahead=timedelta(seconds=3))}"'))

    house.api.expect(entity("number.volume"), "70")


def test_falling_behind_is_told(house: House) -> None:
    adapt(house, ("minutes: 3", "seconds: 1"), ("> 0.9", "> 0.9999"))
    seen = len(house.api.events)
    diagnostics = {
        "rtf": 0.0,
        "frame_latency_ms": {"p95": None},
        "dropped_frames": 0,
        "model": "m",
        "memory_bytes": 1,
    }
    diagnostics |= {
        "started_at": None,
        "echo": {"reduction_db": None},
        "wake": {"near_misses": 0},
        "instance": "x",
    }
    house.publish(f"moshi-speaker/{ID}/diagnostics", json.dumps(diagnostics))
    house.publish(f"moshi-speaker/{ID}/diagnostics", json.dumps({**diagnostics, "rtf": 1.25}))

    told = house.api.expect_event(
        "call_service", after=seen, domain="persistent_notification", service="create"
    )
    assert "It needs 1.25 s" in told["data"]["service_data"]["message"]


def test_a_talk_that_was_ended_by_lag_is_told_too(house: House) -> None:
    seen = len(house.api.events)
    _ended(house, "lag")

    told = house.api.expect_event(
        "call_service", after=seen, domain="persistent_notification", service="create"
    )
    assert "falls behind" in told["data"]["service_data"]["title"]


def test_nobody_home_means_no_microphone(house: House) -> None:
    fake(house, "zone.home", "1")
    fake(house, "zone.home", "0")
    house.api.expect(entity("switch.mute"), "on")

    fake(house, "zone.home", "2")
    house.api.expect(entity("switch.mute"), "off")


def test_two_false_alarms_make_it_wake_less_easily_but_late_ones_do_not(house: House) -> None:
    house.publish(f"moshi-speaker/{ID}/wake_sensitivity", "0.5", retain=True)
    house.api.expect(entity("number.wake_sensitivity"), "0.5")
    for late in (True, True, False):
        _ended(house, "no_speech", late=late)
    seen = len(house.api.events)

    _ended(house, "no_speech")

    told = house.api.expect_event(
        "call_service", after=seen, domain="persistent_notification", service="create"
    )
    assert "0.45" in told["data"]["service_data"]["message"]
    house.api.expect(entity("number.wake_sensitivity"), "0.45")


def _ended(house: House, reason: str, *, late: bool = False) -> None:
    """A talk that was nobody's."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    fields = {"id": "x-1", "trigger": "wake_word", "duration_s": 8.0, "turns": 0, "ts": now, "event_id": now}
    for kind, why in (("started", None), ("ended", reason)):
        house.publish(EVENT, json.dumps({"event_type": kind, **fields, "reason": why, "late": late}))
    house.api.shows(entity("event.conversation_event"), reason=reason, late=late, ts=now)


def test_nobody_complains_of_us(house: House) -> None:
    assert house.ha.complaints() == []
