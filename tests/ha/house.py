"""A house with a real Home Assistant, a real broker and a real speaker in its kitchen."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import yaml
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.ha.api import PATIENCE_S, Api
from tests.ha.homeassistant import HomeAssistant
from tests.mosquitto import Mosquitto
from tests.program import Program
from tests.room.house import HEARD_S, QUESTION, Speaker
from tests.room.soundcard import SoundCard
from tests.witness import Witness

ID = "kitchen"
"""Of the speaker; the examples in config/home_assistant use the same."""
KEEPALIVE_S = 5
"""The shortest that the speaker accepts."""
Section = dict[str, Any]
T = TypeVar("T")
_LAST = "tests/last"
"""Comes when a broker has sent everything that it retained."""


def entity(key: str) -> str:
    """The id that we promise for an entity, such as ``sensor.state``."""
    platform, name = key.split(".")
    return f"{platform}.moshi_speaker_{ID}_{name}"


class House:
    """Broker and Home Assistant are on while it is open; speakers come and go."""

    def __init__(self, folder: Path, card: SoundCard, model: Path, *homeassistant: str) -> None:
        """``homeassistant`` is what that one is made with."""
        self.folder = folder
        self.card = card
        self.broker = Mosquitto(folder)
        self.ha = HomeAssistant(folder / "homeassistant", *homeassistant)
        self.api: Api
        self._model = model
        self._config = folder / "speaker.yaml"

    def open(self) -> None:
        """Start the broker and Home Assistant, which gets to know the broker."""
        self.broker.start()
        self.api = self.ha.start()
        self.ha.join_broker(self.api, self.broker.port)

    def close(self) -> None:
        """End what is still there."""
        if self.ha.running:
            self.api.close()
            self.ha.stop()
        self.broker.kill()

    def stop_homeassistant(self, *, kill: bool = False) -> None:
        """End Home Assistant in order, or as a power cut would."""
        self.api.close()
        if kill:
            self.ha.kill()
        else:
            self.ha.stop()

    def start_homeassistant(self) -> None:
        """Start it again."""
        self.api = self.ha.start()

    @contextmanager
    def speaker(self, **sections: Section) -> Iterator[Speaker]:
        """Run a speaker until it is idle, and then for the caller."""
        with Witness(self.broker.port, ID) as witness, self.program("run", **sections) as program:
            # Not the witness, to whom the broker still tells that an earlier one went offline.
            self.api.expect(entity("sensor.state"), "idle")
            witness.forget()
            yield Speaker(program, witness)

    def talk(self, speaker: Speaker) -> None:
        """Ask the speaker something by voice, let it answer, and wait until it is idle again."""
        speaker.witness.forget()
        self.wake(
            lambda: speaker.witness.expect("event/conversation", event_type="started", within_s=HEARD_S)
        )
        speaker.witness.expect("transcript/assistant")
        speaker.witness.expect("state", "idle")
        self.api.expect(entity("sensor.state"), "idle")

    def wake(self, heard: Callable[[], T]) -> T:
        """Say the wake word and a question in one breath; once more if it was not ``heard``."""
        for _ in range(2):
            self.card.speak(QUESTION)
            with suppress(AssertionError):
                return heard()
        raise AssertionError("the wake word was not heard for the second time")

    def program(self, *arguments: str, **sections: Section) -> Program:
        """Start a command of the speaker's; ``sections`` add to its configuration."""
        config = _config(self.folder / "state", self._model, self.broker.port)
        config |= {title: config.get(title, {}) | section for title, section in sections.items()}
        self._config.write_text(yaml.safe_dump(config))
        return Program(
            *arguments, "--config", self._config, home=self.folder, environment=self.card.environment
        )

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Send a message as somebody else; returns when the broker has it."""
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        try:
            client.publish(topic, payload, 1, retain).wait_for_publish(PATIENCE_S)
        finally:
            client.disconnect()
            client.loop_stop()

    def blink(self, key: str) -> None:
        """Let the speaker be away, as an entity sees it, until it has noticed that somebody says so."""
        self.publish(f"moshi-speaker/{ID}/availability", "offline")
        self.api.expect(entity(key), "unavailable")
        self.api.knows(entity(key))

    def retained(self) -> dict[str, str]:
        """What the broker keeps of any speaker, by topic."""
        kept: dict[str, str] = {}
        complete = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2)

        def note(client: Client, data: object, message: MQTTMessage) -> None:
            if message.topic == _LAST:
                complete.set()
            elif message.retain:
                kept[message.topic] = message.payload.decode()

        client.on_message = note
        client.connect("127.0.0.1", self.broker.port)
        client.subscribe([("moshi-speaker/#", 1), ("homeassistant/#", 1), (_LAST, 1)])
        client.loop_start()
        try:
            client.publish(_LAST, "", 1)
            assert complete.wait(PATIENCE_S)
        finally:
            client.disconnect()
            client.loop_stop()
        return kept

    def registry(self) -> list[dict[str, Any]]:
        """What Home Assistant has noted of every entity that came over MQTT."""
        found = self.api.ask("config/entity_registry/list")
        return [entry for entry in found if entry["platform"] == "mqtt"]

    def enable(self, *keys: str) -> None:
        """Enable entities that are off at first, as a user does in the settings."""
        for key in keys:
            self.api.ask("config/entity_registry/update", entity_id=entity(key), disabled_by=None)
        # By itself Home Assistant does it half a minute later.
        self.api.do("homeassistant.reload_config_entry", entity(keys[0]))


def _config(state: Path, model: Path, port: int) -> dict[str, Section]:
    return {
        "speaker": {"id": ID, "name": "Kitchen Moshi", "state_dir": str(state)},
        "model": {"source": str(model), "seed": 1},
        "engine": {"hang_timeout_s": 4.0, "restart_delay_s": 0.2, "too_slow": "warn"},
        "conversation": {"end_silence_s": 2.0},
        "mqtt": {
            "host": "127.0.0.1",
            "port": port,
            "keepalive_s": KEEPALIVE_S,
            "transcripts": {"user": "events", "assistant": "events"},
        },
    }
