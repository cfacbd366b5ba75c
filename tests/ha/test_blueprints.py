"""The blueprints load, and do in a real Home Assistant what they promise."""

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.ha.house import ID, House, entity
from tests.room.house import Speaker

pytestmark = pytest.mark.homeassistant

PLAYER, OTHER_PLAYER = "media_player.living_room", "media_player.bedroom"
LIGHT = "light.bed_light"
USES = f"""
demo:
automation:
  - alias: pause
    use_blueprint:
      path: moshi_speaker/pause_media.yaml
      input:
        conversation: {entity("binary_sensor.conversation")}
        players: [{PLAYER}, {OTHER_PLAYER}]
        delay: 0
  - alias: light
    use_blueprint:
      path: moshi_speaker/state_light.yaml
      input:
        state: {entity("sensor.state")}
        light: {LIGHT}
  - alias: phrase
    use_blueprint:
      path: moshi_speaker/on_phrase.yaml
      input:
        heard: [{entity("event.transcript_user")}]
        said: [{entity("event.transcript_assistant")}]
        phrases: ["Turn the light on!", "rain"]
        actions:
          - event: phrase
            event_data:
              text: "{{{{ text }}}}"
              phrase: "{{{{ phrase }}}}"
              side: "{{{{ side }}}}"
  - alias: problem
    use_blueprint:
      path: moshi_speaker/notify_problem.yaml
      input:
        problem: {entity("binary_sensor.problem")}
        patience: 1
  - alias: problem with an action of one's own
    use_blueprint:
      path: moshi_speaker/notify_problem.yaml
      input:
        problem: {entity("binary_sensor.problem")}
        patience: 1
        actions:
          - event: told
            event_data:
              title: "{{{{ title }}}}"
              message: "{{{{ message }}}}"
              problem: "{{{{ problem }}}}"
"""
BLUE, ORANGE = (0, 120, 255), (255, 140, 0)


@pytest.fixture(scope="module")
def house(make_house: Callable[..., House]) -> House:
    """A house with players, lights and one automation of each blueprint."""
    return make_house(USES)


@pytest.fixture(scope="module")
def speaker(house: House) -> Iterator[Speaker]:
    """A speaker that waits patiently for somebody to say something, and whose words are followed."""
    with house.speaker(conversation={"end_silence_s": 60.0, "no_speech_s": 60.0}) as speaker:
        house.enable("event.transcript_user", "event.transcript_assistant")
        house.api.expect(entity("event.transcript_user"), "unknown")
        house.api.expect(entity("binary_sensor.problem"), "off")
        yield speaker


@pytest.fixture(autouse=True)
def idle(house: House, speaker: Speaker) -> Iterator[None]:
    """No talk before a test, and none after it."""
    speaker.witness.forget()
    house.api.expect(entity("sensor.state"), "idle")
    yield
    if house.api.state(entity("sensor.state")) == "unavailable":
        return
    house.api.do("button.press", entity("button.stop"))
    house.api.do("switch.turn_off", entity("switch.mute"))
    house.api.expect(entity("sensor.state"), "idle")


def test_all_of_them_load(house: House) -> None:
    found = house.api.ask("blueprint/list", domain="automation")
    ours = {path: blueprint for path, blueprint in found.items() if path.startswith("moshi_speaker/")}

    assert {path: blueprint.get("error") for path, blueprint in ours.items()} == dict.fromkeys(
        f"moshi_speaker/{name}.yaml" for name in ("pause_media", "state_light", "on_phrase", "notify_problem")
    )
    for name in ("pause", "light", "phrase", "problem"):
        assert house.api.state(f"automation.{name}") == "on"


def test_only_what_played_is_paused_and_goes_on_afterwards(house: House) -> None:
    house.api.do("media_player.media_play", PLAYER)
    house.api.do("media_player.turn_off", OTHER_PLAYER)

    house.api.do("button.press", entity("button.start"))
    house.api.expect(PLAYER, "paused")
    house.api.do("button.press", entity("button.stop"))
    house.api.expect(PLAYER, "playing")

    assert house.api.state(OTHER_PLAYER) == "off"


def test_what_somebody_switched_off_during_the_talk_stays_off(house: House) -> None:
    house.api.do("media_player.media_play", [PLAYER, OTHER_PLAYER])

    house.api.do("button.press", entity("button.start"))
    house.api.expect(PLAYER, "paused")
    house.api.expect(OTHER_PLAYER, "paused")
    house.api.do("media_player.turn_off", PLAYER)
    house.api.do("button.press", entity("button.stop"))
    house.api.expect(OTHER_PLAYER, "playing")

    assert house.api.state(PLAYER) == "off"


@pytest.mark.parametrize("before", ["off", "on"])
def test_the_light_shows_the_state_and_gets_its_own_back(house: House, before: str) -> None:
    house.api.do("light.turn_on", LIGHT, rgb_color=[10, 200, 30], brightness=77)
    house.api.shows(LIGHT, brightness=77)
    earlier = house.api.attributes(LIGHT)
    if before == "off":
        house.api.do("light.turn_off", LIGHT)
    seen = len(house.api.events)

    house.api.do("button.press", entity("button.start"))
    house.api.until(lambda: _shows(house, BLUE), lambda: str(house.api.states[LIGHT]))
    house.api.do("switch.turn_on", entity("switch.mute"))
    house.api.until(lambda: _shows(house, ORANGE), lambda: str(house.api.states[LIGHT]))
    house.api.do("switch.turn_off", entity("switch.mute"))
    house.api.expect(LIGHT, before, brightness=77 if before == "on" else None)

    if before == "on":
        house.api.shows(LIGHT, rgb_color=earlier["rgb_color"])
    flashes = [call["service_data"].get("flash") for call in house.api.actions("light", after=seen)]
    assert flashes.count("short") == 2
    house.api.until(
        lambda: not [name for name in house.api.states if name.startswith("scene.before")],
        lambda: "a scene stays",
    )


def _shows(house: House, color: tuple[int, int, int]) -> bool:
    shown = house.api.states[LIGHT]["attributes"].get("rgb_color") or (0, 0, 0)
    return all(abs(a - b) < 12 for a, b in zip(shown, color, strict=True))


def test_a_phrase_that_is_heard_runs_the_actions(house: House) -> None:
    seen = len(house.api.events)
    _utter(house, "user", "Please, TURN the light — on?")

    event = house.api.expect_event("phrase", after=seen)

    assert event["data"] == {
        "text": "Please, TURN the light — on?",
        "phrase": "Turn the light on!",
        "side": "heard",
    }


def test_a_phrase_that_moshi_says_runs_them_too(house: House) -> None:
    seen = len(house.api.events)
    _utter(house, "assistant", "It looks like rain.")

    assert house.api.expect_event("phrase", after=seen)["data"]["side"] == "said"


def test_words_that_only_contain_the_phrase_and_late_ones_do_nothing(house: House) -> None:
    seen = len(house.api.events)
    _utter(house, "user", "The train leaves.")
    _utter(house, "user", "It was rain.", late=True)
    _utter(house, "user", "rain it is")

    house.api.expect_event("phrase", after=seen, text="rain it is")
    assert len([e for e in house.api.events[seen:] if e["event_type"] == "phrase"]) == 1


def _utter(house: House, side: str, text: str, *, late: bool = False) -> None:
    """As the speaker does; what the small model says is up to chance."""
    fields = {
        "event_type": "final",
        "text": text,
        "conversation_id": "x-1",
        "ts": "2026-11-28T12:00:00.000+00:00",
    }
    fields |= {"event_id": text}
    house.publish(f"moshi-speaker/{ID}/transcript/{side}", json.dumps({**fields, "late": late}))


def test_a_problem_is_told_and_taken_back(house: House) -> None:
    root = f"moshi-speaker/{ID}/problem"
    seen = len(house.api.events)
    house.publish(
        f"{root}/attributes",
        json.dumps({"code": "engine", "message": "It broke.", "since": None, "others": []}),
    )
    house.publish(root, "ON")

    told = house.api.expect_event("told", after=seen, problem=True)["data"]
    assert told["title"] == "Kitchen Moshi has a problem"
    assert told["message"] == "It broke.", house.api.history(entity("binary_sensor.problem"), after=seen)
    assert _done(house, "create", seen)["message"] == "It broke."
    assert _notes(house) == ["It broke."]
    house.publish(root, "OFF")
    assert house.api.expect_event("told", after=seen, problem=False)
    _done(house, "dismiss", seen)
    assert _notes(house) == []


def _done(house: House, what: str, seen: int) -> Mapping[str, Any]:
    """Wait until a notification is created or dismissed; what was asked for."""
    data: Mapping[str, Any] = house.api.expect_event(
        "call_service", after=seen, domain="persistent_notification", service=what
    )["data"]["service_data"]
    return data


def _notes(house: House) -> list[str]:
    """The messages of our notifications."""
    notes = house.api.ask("persistent_notification/get")
    return [note["message"] for note in notes if "moshi" in note["notification_id"]]


def test_an_old_phrase_is_not_taken_for_a_new_one_after_an_outage(house: House) -> None:
    _utter(house, "user", "rain again")
    house.api.expect_event("phrase", text="rain again")
    seen = len(house.api.events)

    house.blink("event.transcript_user")
    _utter(house, "assistant", "new rain")

    house.api.expect_event("phrase", after=seen, text="new rain")
    assert len([e for e in house.api.events[seen:] if e["event_type"] == "phrase"]) == 1


def test_nobody_complains_of_us(house: House) -> None:
    assert house.ha.complaints() == []


def test_a_speaker_that_vanishes_in_mid_talk_lets_the_music_go_on(house: House, speaker: Speaker) -> None:
    house.api.do("media_player.media_play", PLAYER)
    house.api.do("button.press", entity("button.start"))
    house.api.expect(PLAYER, "paused")
    seen = len(house.api.events)

    speaker.program.send_signal(signal.SIGKILL)
    house.api.expect(PLAYER, "playing")

    assert house.api.state(entity("sensor.state")) == "unavailable"
    assert _done(house, "create", seen)["message"].startswith("It is away")
