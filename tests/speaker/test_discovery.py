"""What a running speaker tells Home Assistant of itself."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from moshi_speaker.home.listener import Listener
from moshi_speaker.settings import Settings
from tests.home.validator import mistakes
from tests.speaker.fakes import PATIENCE_S
from tests.speaker.stage import on_stage
from tests.speaker.test_talk import MakeSettings
from tests.speaker.witness import Witness


@asynccontextmanager
async def discovered(settings: Settings) -> AsyncIterator[asyncio.Queue[tuple[str, str, bool]]]:
    """Topic, payload and retain flag of what comes below the prefix of Home Assistant's discovery."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[tuple[str, str, bool]] = asyncio.Queue()

    def hear(topic: str, payload: bytes, retained: bool) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, (topic, payload.decode(), retained))

    name = f"homeassistant-{secrets.token_hex(4)}"
    listener = Listener(settings.mqtt, name, hear, lambda error: None)
    await asyncio.to_thread(listener.open, f"{settings.mqtt.discovery.prefix}/device/#")
    try:
        yield heard
    finally:
        await asyncio.to_thread(listener.close)


async def test_the_device_is_told_and_what_it_says_can_be_found(settings: Settings) -> None:
    async with Witness(settings) as witness, discovered(settings) as heard, on_stage(settings):
        said = dict(await witness.until("state", "idle"))
        topic, payload, _ = await asyncio.wait_for(heard.get(), PATIENCE_S)
        assert topic == f"homeassistant/device/moshi_speaker_{settings.speaker.id}/config"
        assert mistakes(topic, payload) == []
        message = json.loads(payload)
        assert message["device"]["name"] == settings.speaker.name
        assert "support_url" not in message["origin"]
        assert message["components"]["wake_word"]["options"][0] == said["wake_word"] == "hey_jarvis"
        assert message["components"]["wake_word"]["options"][-1] == "off"
        assert said["wake_sensitivity"] == "0.5"
    async with discovered(settings) as heard:
        assert await asyncio.wait_for(heard.get(), PATIENCE_S) == (topic, payload, True), "it stays"


async def test_a_speaker_that_is_not_to_be_discovered_takes_away_what_an_earlier_start_left(
    settings: Settings, make_settings: MakeSettings
) -> None:
    async with on_stage(settings), discovered(settings) as heard:
        _, payload, _ = await asyncio.wait_for(heard.get(), PATIENCE_S)
        assert payload
    mqtt = settings.mqtt.model_dump() | {"discovery": {"enabled": False}}
    async with on_stage(make_settings(mqtt=mqtt)), discovered(settings) as heard:
        while payload:
            _, payload, _ = await asyncio.wait_for(heard.get(), PATIENCE_S)
