"""The dashboard card is drawn by Home Assistant's own frontend, without an error, and its buttons work."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ha.browser import Browser
from tests.ha.house import ID, House, entity
from tests.room.house import Speaker

pytestmark = pytest.mark.homeassistant

BOARD = """
frontend:
lovelace:
  dashboards:
    moshi-board:
      mode: yaml
      title: Moshi
      filename: board.yaml
"""
ECHO_DB = 31.4
CARD = "hui-vertical-stack-card"
WORDS = {
    "user": "Hey, what shall we have with the pumpkin soup tonight?",
    "assistant": "Oh, dark bread, warm from the oven, and some sage butter. Do you have sage in the house?",
}


@pytest.fixture(scope="module")
def house(make_house: Callable[..., House]) -> House:
    """A house with our card on a dashboard of its own."""
    return make_house(BOARD)


@pytest.fixture(scope="module")
def speaker(house: House) -> Iterator[Speaker]:
    """A speaker that waits patiently for somebody to say something."""
    with house.speaker(conversation={"end_silence_s": 60.0, "no_speech_s": 60.0}) as speaker:
        house.enable("sensor.last_user", "sensor.last_assistant")
        house.api.expect(entity("sensor.last_user"), "unknown")
        yield speaker


@pytest.fixture
def browser(house: House, speaker: Speaker, tmp_path: Path) -> Iterator[Browser]:
    """A browser that shows the dashboard."""
    with Browser(tmp_path / "browser", width=520) as browser:
        browser.sign_in(house.ha.url, house.ha.token)
        browser.open(f"{house.ha.url}/moshi-board/0", "hui-entities-card")
        yield browser


def test_a_press_on_the_card_starts_a_talk_and_another_ends_it(house: House, browser: Browser) -> None:
    browser.click("hui-tile-card", "Start a talk")
    house.api.expect(entity("binary_sensor.conversation"), "on")
    browser.click("hui-tile-card", "Stop it")
    house.api.expect(entity("binary_sensor.conversation"), "off")


def test_the_card_is_drawn_without_an_error(
    house: House, speaker: Speaker, browser: Browser, request: pytest.FixtureRequest
) -> None:
    speaker.witness.forget()
    house.api.do("button.press", entity("button.start"))
    speaker.witness.expect("state", "conversation")
    speaker.witness.expect("diagnostics")
    _fill(house, speaker)
    browser.open(f"{house.ha.url}/moshi-board/0", CARD, WORDS["assistant"])
    written = browser.text(CARD)

    if request.config.getoption("--picture"):
        Path(request.config.getoption("--picture")).write_bytes(browser.picture(CARD, margin=8, scale=1.6))
    faults = {name: browser.count(name) for name in ("hui-error-card", "hui-warning", "hui-warning-element")}
    assert not any(faults.values()), (faults, written)
    assert "Kitchen Moshi" in written
    assert all(text in written for text in WORDS.values()), written
    assert str(ECHO_DB) in written


def _fill(house: House, speaker: Speaker) -> None:
    """Let the speaker tell what it would in a real room; the small model's words are gibberish."""
    root = f"moshi-speaker/{ID}"
    for side, text in WORDS.items():
        fields = {"event_type": "final", "text": text, "conversation_id": "x-1", "ts": None, "late": False}
        house.publish(f"{root}/transcript/{side}", json.dumps(fields))
        house.api.expect(entity(f"sensor.last_{side}"), text)
    figures = speaker.witness.latest_fields("diagnostics")
    figures |= {"rtf": 0.61, "frame_latency_ms": {"p50": 52.0, "p95": 63.5, "p99": 71.0}}
    figures["echo"]["reduction_db"] = ECHO_DB
    house.publish(f"{root}/diagnostics", json.dumps(figures))
    house.api.expect(entity("sensor.echo_reduction"), str(ECHO_DB))


def test_nobody_complains_of_us(house: House, speaker: Speaker) -> None:
    assert house.ha.complaints() == []
