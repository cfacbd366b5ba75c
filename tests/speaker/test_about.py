"""What a running speaker says of itself, and when."""

import json

import pytest

from moshi_speaker.settings import Settings
from moshi_speaker.speaker import about
from tests.speaker.stage import on_stage
from tests.speaker.witness import Witness


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(about, "REST_S", 0.05)


async def test_it_is_said_at_the_start_and_whenever_a_setting_changes(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        first = await witness.json("info")
        assert first["settings"]["wake"]["threshold"] == 0.5
        assert first["wake_words"] == ["hey_jarvis"]
        assert {"wake.threshold", "audio.volume", "conversation.end_silence_s"} <= set(first["live_settings"])
        assert first["restart_required"] == []
        for number in range(10):
            value = {"name": "conversation.end_silence_s", "value": 5.0 + number}
            await witness.send("request/set", json.dumps(value))
        await witness.until("info", that=lambda text: '"end_silence_s":14.0' in text)
        stage.speaker._body.about.restart_required(("mqtt.port",))
        last = await witness.json("info", restart_required=["mqtt.port"])
        assert last["instance"] == first["instance"]
        assert set(last["live_settings"]) == set(first["live_settings"])


async def test_it_says_what_is_listened_for(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings):
        assert (await witness.json("info"))["wake_words"] == ["hey_jarvis"]
        await witness.send("wake_word/set", "off")
        assert (await witness.json("info", wake_words=[]))["settings"]["wake"]["enabled"] is True


async def test_changes_are_gathered(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.rest()
        for number in range(100):
            stage.speaker._body.live.change("wake.patience", number % 20 + 1)
        await witness.json("info")
        stage.speaker._body.live.change("wake.patience", 7)
        heard = await witness.until("info", that=lambda text: '"patience":7' in text)
        assert [topic for topic, _ in heard].count("info") == 1
