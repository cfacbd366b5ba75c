"""A second MQTT client that hears what a speaker publishes, and sends commands."""

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any

from paho.mqtt import publish

from moshi_speaker.home.listener import Listener
from moshi_speaker.settings import MqttSettings, Settings
from tests.speaker.fakes import PATIENCE_S

Heard = tuple[str, str]
"""Topic below the speaker's root, and payload."""


class Witness:
    """Subscribed to one speaker as long as it is entered."""

    def __init__(self, settings: Settings, topics: str = "#") -> None:
        """``topics`` below the speaker's root: everything, or less where that would be a flood."""
        self._topics = topics
        self._mqtt: MqttSettings = settings.mqtt
        self._root = f"{settings.mqtt.base_topic}/{settings.speaker.id}/"
        self._loop = asyncio.get_running_loop()
        self._heard: list[Heard] = []
        self._came = asyncio.Event()
        self._read = {False: 0, True: 0}
        """How many were looked at, for what holds and for what happens: these come in no common order."""
        name = f"witness-{secrets.token_hex(4)}"
        # A test that waits for a message of a broker that went away fails by its patience.
        self._listener = Listener(settings.mqtt, name, self._hear, lambda error: None)

    async def __aenter__(self) -> "Witness":
        await asyncio.to_thread(self._listener.open, f"{self._root}{self._topics}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._listener.close)

    async def until(
        self,
        topic: str,
        payload: str | None = None,
        *,
        that: Callable[[str], bool] = lambda payload: True,
        within_s: float = PATIENCE_S,
    ) -> list[Heard]:
        """Everything that comes up to this message, which is the last."""
        begin = at = self._read[happens(topic)]
        try:
            async with asyncio.timeout(within_s):
                while True:
                    while at == len(self._heard):
                        self._came.clear()
                        await self._came.wait()
                    last = self._heard[at]
                    at += 1
                    if last[0] == topic and payload in (None, last[1]) and that(last[1]):
                        self._read[happens(topic)] = at
                        return self._heard[begin:at]
        except TimeoutError:
            heard = self._heard[begin:]
            raise AssertionError(f"{topic} {payload or ''} did not come after {heard}") from None

    async def json(self, topic: str, **wanted: object) -> dict[str, Any]:
        """The next message there in which these keys have these values."""
        heard = await self.until(topic, that=lambda text: wanted.items() <= json.loads(text).items())
        message: dict[str, Any] = json.loads(heard[-1][1])
        return message

    async def rest(self) -> list[Heard]:
        """What has come, and nobody has looked at."""
        begin = max(self._read.values())
        self._read = dict.fromkeys(self._read, len(self._heard))
        return self._heard[begin:]

    async def send(self, topic: str, payload: str) -> None:
        """Send a command; the broker has it afterwards."""
        host, port = self._mqtt.host or "", self._mqtt.port or 0
        name, password = self._mqtt.username, self._mqtt.password
        known = {"username": name, "password": password.get_secret_value()} if name and password else None
        await asyncio.to_thread(
            publish.single,
            self._root + topic,
            payload,
            qos=1,
            hostname=host,
            port=port,
            auth=known,  # type: ignore[arg-type]
        )

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        if not payload:
            return  # the broker is to forget the topic
        message = (topic.removeprefix(self._root), payload.decode())
        self._loop.call_soon_threadsafe(self._take, message)

    def _take(self, message: Heard) -> None:
        self._heard.append(message)
        self._came.set()


def happens(topic: str) -> bool:
    """Whether its messages go through the history: then they come when they are kept."""
    return topic.startswith(("event/", "transcript/"))
