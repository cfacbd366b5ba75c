"""Every control goes the whole way: Home Assistant, the speaker, its own topic, Home Assistant's state."""

from collections.abc import Iterator

import pytest

from tests.ha.house import House, entity
from tests.room.house import Speaker

pytestmark = pytest.mark.homeassistant


@pytest.fixture(scope="module")
def speaker(house: House) -> Iterator[Speaker]:
    """A speaker that waits patiently for somebody to say something."""
    with house.speaker(conversation={"end_silence_s": 60.0, "no_speech_s": 60.0}) as speaker:
        yield speaker


@pytest.fixture(autouse=True)
def nothing_expected_so_far(speaker: Speaker) -> None:
    """Each test looks at what comes after its own action."""
    speaker.witness.forget()


def test_mute(house: House, speaker: Speaker) -> None:
    house.api.do("switch.turn_on", entity("switch.mute"))
    speaker.witness.expect("mute", "ON")
    house.api.expect(entity("switch.mute"), "on")
    house.api.expect(entity("sensor.state"), "muted")

    house.api.do("switch.turn_off", entity("switch.mute"))
    speaker.witness.expect("mute", "OFF")
    house.api.expect(entity("switch.mute"), "off")
    house.api.expect(entity("sensor.state"), "idle")


def test_start_and_stop(house: House, speaker: Speaker) -> None:
    house.api.do("button.press", entity("button.start"))
    speaker.witness.expect("event/conversation", event_type="started", trigger="mqtt")
    house.api.expect(entity("binary_sensor.conversation"), "on", trigger="mqtt")
    house.api.expect(entity("sensor.state"), "conversation")
    house.api.shows(entity("event.conversation_event"), event_type="started", late=False)

    house.api.do("button.press", entity("button.stop"))
    speaker.witness.expect("event/conversation", event_type="ended", reason="stop")
    house.api.expect(entity("binary_sensor.conversation"), "off")
    house.api.shows(entity("event.conversation_event"), event_type="ended", reason="stop", late=False)


@pytest.mark.parametrize("percent", [0, 100, 33])
def test_volume(house: House, speaker: Speaker, percent: int) -> None:
    house.api.do("number.set_value", entity("number.volume"), value=percent)
    speaker.witness.expect("volume", str(percent))
    house.api.expect(entity("number.volume"), str(percent))


@pytest.mark.parametrize("sensitivity", [0.0, 0.99, 0.43])
def test_wake_sensitivity(house: House, speaker: Speaker, sensitivity: float) -> None:
    house.api.do("number.set_value", entity("number.wake_sensitivity"), value=sensitivity)
    assert float(speaker.witness.expect("wake_sensitivity").payload) == pytest.approx(sensitivity)
    house.api.until(
        lambda: (
            float(house.api.states[entity("number.wake_sensitivity")]["state"]) == pytest.approx(sensitivity)
        ),
        lambda: str(house.api.states[entity("number.wake_sensitivity")]),
    )


def test_wake_word(house: House, speaker: Speaker) -> None:
    options = house.api.attributes(entity("select.wake_word"))["options"]
    assert {"hey_jarvis", "off"} <= set(options)
    for option in (*options, "hey_jarvis"):
        house.api.do("select.select_option", entity("select.wake_word"), option=option)
        speaker.witness.expect("wake_word", option)
        house.api.expect(entity("select.wake_word"), option)


def test_restart(house: House, speaker: Speaker) -> None:
    started = house.api.state(entity("sensor.started"))

    house.api.do("button.press", entity("button.restart"))
    house.api.expect(entity("sensor.state"), "unavailable")
    house.api.expect(entity("sensor.state"), "idle")

    house.api.until(
        lambda: (
            house.api.states[entity("sensor.started")]["state"] not in (started, "unknown", "unavailable")
        ),
        lambda: f"it says that it runs since {started} still",
    )


def test_nobody_complains_of_us(house: House, speaker: Speaker) -> None:
    assert house.ha.complaints() == []
