"""A speaker in a room of its own: virtual sound card, real wake word, small model, mosquitto, a witness."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml

from moshi_speaker.audio.frames import SAMPLE_RATE
from moshi_speaker.audio.wavfile import write_wav
from tests.hearing import Sound
from tests.program import Program
from tests.room.soundcard import SoundCard, read_recording
from tests.witness import Witness

Section = dict[str, Any]
T = TypeVar("T")

CLOSED_PORT = 9
"""Nobody listens at the port of the discard service nowadays."""
QUESTION = Path(__file__).parents[1] / "data" / "clips" / "hey_jarvis_question.wav"
"""The wake word and a question in one breath."""
HEARD_S = 15.0
"""Seconds after which a wake word counts as not heard."""
LINGER_S = 0.8
"""Seconds after which the last earcon has sounded."""


@dataclass(frozen=True)
class Speaker:
    """A speaker at work, and who watches it."""

    program: Program
    witness: Witness


class Room:
    """Where speakers run, one after the other, and somebody speaks to them."""

    def __init__(
        self,
        folder: Path,
        card: SoundCard,
        port: int,
        model: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """``environment`` is added to what a speaker finds there."""
        self.folder = folder
        self._environment = {**card.environment, **(environment or {})}
        self.card = card
        self._port = port
        self._model = model
        self._count = 0
        self.repeats = 0
        """How often the wake word had to be said again."""
        self._pause = folder / "pause.wav"
        write_wav(self._pause, np.zeros(round(LINGER_S * SAMPLE_RATE), np.float32))

    @property
    def port(self) -> int:
        """That of the broker."""
        return self._port

    @contextmanager
    def speaker(self, **sections: Section) -> Iterator[Speaker]:
        """Start ``moshi-speaker run``; ``sections`` add to its configuration, or replace what it says."""
        self._count += 1
        name = f"room-{self._count}"
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(self._config(name, sections)))
        with (
            Witness(self._port, name) as witness,
            Program("run", "--config", path, home=self.folder, environment=self._environment) as program,
        ):
            yield Speaker(program, witness)

    def wake(self, heard: Callable[[], T]) -> T:
        """Say the wake word and a question in one breath; once more if it was not ``heard``.

        The virtual sound card loses a word now and then, as a noisy room does; more than that is a fault.
        """
        self.card.speak(QUESTION)
        try:
            return heard()
        except AssertionError:
            self.repeats += 1
            assert self.repeats == 1, "the wake word was not heard for the second time"
        self.card.speak(QUESTION)
        return heard()

    @contextmanager
    def recording(self) -> Iterator[list[Sound]]:
        """Record what the loudspeaker plays meanwhile, and a moment longer; the list holds it afterwards."""
        path = self.folder / "recording.raw"
        sounds: list[Sound] = []
        with self.card.recording(path):
            yield sounds
            self.card.speak(self._pause)
        sounds.append(read_recording(path))

    def _config(self, name: str, sections: Mapping[str, Section]) -> dict[str, Section]:
        config: dict[str, Section] = {
            "speaker": {"id": name, "state_dir": str(self.folder / "state")},
            "model": {"source": str(self._model), "seed": 1},
            "engine": {"hang_timeout_s": 4.0, "restart_delay_s": 0.2, "too_slow": "warn"},
            "conversation": {"end_silence_s": 2.0},
            "mqtt": {
                "host": "127.0.0.1",
                "port": self._port,
                "transcripts": {"user": "events", "assistant": "events"},
            },
        }
        return config | {title: config.get(title, {}) | section for title, section in sections.items()}
