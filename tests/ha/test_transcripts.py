"""What was heard and said arrives whole, and nothing that anybody says upsets Home Assistant.

The small model rarely speaks at such length, so what is sent is what the speaker's own code makes of a text.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from moshi_speaker.events import ReportTranscript, Side
from moshi_speaker.home.payloads import Payloads
from moshi_speaker.home.topics import Topics
from tests.ha.house import ID, House, entity
from tests.room.house import Speaker

pytestmark = pytest.mark.homeassistant

LONG = " ".join(f"word{number}" for number in range(100))[:600]
TEXTS = (
    LONG,
    "ß" * 600,
    "😀" * 600,
    "x" * 255,
    "x" * 256,
    'She said: "no", and {"text": 1} is no \\ answer',
    "{{ states('sun.sun') }} {% raw %}",
    "None",
    "42",
    "unavailable",
    "[1, 2]",
    "<script>alert(1)</script>",
)


@pytest.fixture(scope="module")
def speaker(house: House) -> Iterator[Speaker]:
    """A speaker whose words are followed."""
    with house.speaker() as speaker:
        house.enable(
            *(f"event.transcript_{side.value}" for side in Side),
            *(f"sensor.last_{side.value}" for side in Side),
        )
        house.api.expect(entity("sensor.last_assistant"), "unknown")
        yield speaker


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{text[:20]}-{len(text)}")
def test_it_arrives_whole_in_the_attributes(house: House, speaker: Speaker, side: Side, text: str) -> None:
    _utter(house, side, text, f"{side}-{text[:9]}-{len(text)}")

    house.api.shows(
        entity(f"event.transcript_{side.value}"), text=text, event_id=f"{side}-{text[:9]}-{len(text)}"
    )
    house.api.shows(entity(f"sensor.last_{side.value}"), text=text)
    shown = house.api.state(entity(f"sensor.last_{side.value}"))
    clipped = text if len(text) <= 255 else f"{text[:254]}…"
    assert shown == ("unknown" if text == "None" else clipped)


def test_what_the_broker_forgets_home_assistant_forgets_too(house: House, speaker: Speaker) -> None:
    _utter(house, Side.USER, "a secret", "e-9", retain=True)
    house.api.expect(entity("sensor.last_user"), "a secret", text="a secret")

    house.publish(f"moshi-speaker/{ID}/transcript/user", "", retain=True)

    house.api.expect(entity("sensor.last_user"), "unknown")
    assert "text" not in house.api.attributes(entity("sensor.last_user"))


def test_what_moshi_really_says_arrives(house: House, speaker: Speaker) -> None:
    house.talk(speaker)
    said = speaker.witness.latest_fields("transcript/assistant")

    house.api.shows(
        entity("event.transcript_assistant"), text=said["text"], event_id=said["event_id"], late=False
    )


def test_nobody_complains_of_us(house: House, speaker: Speaker) -> None:
    assert house.ha.complaints() == []


def _utter(house: House, side: Side, text: str, event_id: str, *, retain: bool = False) -> None:
    topics = Topics("moshi-speaker", ID)
    report = ReportTranscript("x-1", text, turns=1, at=0.0, side=side)
    message = Payloads(topics, lambda _: datetime.now(UTC)).happening(report, event_id)
    house.publish(message.topic, message.payload, retain=retain)
