"""``demo``: one whole talk, from the wake word to silence, with every part at work.

Without options the microphone is a room made of files, the model is a small one of random weights,
and the broker our own; the rest is what ``run`` uses. A second MQTT client prints what arrives.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.audio.room import RoomDevice
from moshi_speaker.audio.tape import Tape
from moshi_speaker.audio.wavfile import read_audio, write_wav
from moshi_speaker.errors import SpeakerError, UsageError
from moshi_speaker.events import State
from moshi_speaker.home.broker import EmbeddedBroker
from moshi_speaker.home.listener import Listener
from moshi_speaker.home.payloads import OFFLINE
from moshi_speaker.home.topics import Topics
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import stop_on_signals
from moshi_speaker.speaker.daemon import Speaker
from moshi_speaker.speaker.parts import detector, engine, sound_device

TALK_LIMIT_S = 60.0
"""Seconds from the first idle moment to the end of the talk in a room of files."""
LAST_SOUND_S = 0.6
"""Seconds for the sound that says that the talk is over."""
FAREWELL_S = 2.0
"""Seconds to wait for the last message."""
PAUSE_S = 0.2
"""Seconds between the wake word and the question: one breath."""

Say = Callable[[str], None]


def run_demo(
    *, mic: bool, model: str | None, broker: tuple[str, int | None] | None, out: Path, say: Say
) -> None:
    """Run the demo until the talk is over. Raises SpeakerError."""
    _require_writable(out)
    with TemporaryDirectory(prefix="moshi-speaker-demo-") as folder:
        asyncio.run(_demo(Path(folder), mic, model, broker, out, say))


async def _demo(
    folder: Path, mic: bool, model: str | None, broker: tuple[str, int | None] | None, out: Path, say: Say
) -> None:
    if model is None:
        model = str(folder / "model")
        say("model      a small one with random weights: its words are noise, its voice is babble")
        await asyncio.to_thread(_write_model, Path(model))
    else:
        say(f"model      {model}")
    settings = _settings(folder, model, broker)
    own_broker = EmbeddedBroker(0) if broker is None else None
    if own_broker is not None:
        await own_broker.start()
        settings = settings.model_copy(update={"mqtt": own_broker.link_settings(settings.mqtt)})
    say(f"broker     {settings.mqtt.host}:{settings.mqtt.port or 1883}")
    try:
        await _talk(settings, mic, out, say)
    finally:
        if own_broker is not None:
            await own_broker.stop()


def _write_model(folder: Path) -> None:
    from moshi_speaker.moshi.lm.layout import Q8
    from moshi_speaker.moshi.synthetic import Recipe, write_checkpoint

    write_checkpoint(folder, Recipe(quantization=Q8))


def _settings(folder: Path, model: str, broker: tuple[str, int | None] | None) -> Settings:
    host, port = broker or (None, None)
    return Settings.model_validate(
        {
            "speaker": {"id": f"demo-{secrets.token_hex(2)}", "state_dir": folder / "state"},
            "model": {"source": model},
            "conversation": {"end_silence_s": 3.0},
            "mqtt": {"host": host, "port": port},
        }
    )


async def _talk(settings: Settings, mic: bool, out: Path, say: Say) -> None:
    clock = time.monotonic
    room = None if mic else RoomDevice([], clock=clock)
    tape = Tape(room or sound_device(settings, clock))
    say(f"sound      {'the real microphone and loudspeaker' if mic else tape.description}")
    speaker = Speaker(settings, tape, detector(settings), lambda status: engine(settings, status), clock)
    stop_on_signals(speaker.stop)
    audience = Audience(settings, room, speaker, say)
    await audience.enter()
    try:
        await speaker.run()
    finally:
        await audience.leave()
        await asyncio.to_thread(write_wav, out, tape.played)
    say(f"saved      {out}: {len(tape.played) / SAMPLE_RATE:.1f} s of what was played")
    audience.check()


class Audience:
    """Watches over MQTT, prints each message, plays the user's part in a room of files, and ends the demo."""

    def __init__(self, settings: Settings, room: RoomDevice | None, speaker: Speaker, say: Say) -> None:
        """Without a room, a person plays the user's part."""
        self._topics = Topics(settings.mqtt.base_topic, settings.speaker.id or "")
        self._room = room
        self._speaker = speaker
        self._say = say
        self._wake_word = settings.wake.model.replace("_", " ")
        self._loop = asyncio.get_running_loop()
        self._started = time.monotonic()
        self._asked = self._talked = False
        self._limit: asyncio.TimerHandle | None = None
        self._gone = asyncio.Event()
        self._listener = Listener(settings.mqtt, f"moshi-speaker-demo-{secrets.token_hex(4)}", self._hear)

    async def enter(self) -> None:
        """Connect to the broker. Raises MissingPartError."""
        await asyncio.to_thread(self._listener.open, f"{self._topics.root}/#")

    async def leave(self) -> None:
        """Wait a moment for the last message, and hang up."""
        if self._limit is not None:
            self._limit.cancel()
        try:
            await asyncio.wait_for(self._gone.wait(), FAREWELL_S)
        except TimeoutError:
            self._say("the broker did not tell that the speaker is offline")
        await asyncio.to_thread(self._listener.close)

    def check(self) -> None:
        """Raises SpeakerError if the user's part was played, but no talk came of it."""
        if self._room is not None and self._asked and self._limit is None and not self._talked:
            raise SpeakerError("no talk came about", where="demo", remedy="please report this as a bug")

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        self._loop.call_soon_threadsafe(self._follow, topic, payload.decode())

    def _follow(self, topic: str, payload: str) -> None:
        name = topic.removeprefix(f"{self._topics.root}/")
        self._say(f"{time.monotonic() - self._started:6.1f} s   {name:27} {payload}")
        if topic == self._topics.availability and payload == OFFLINE:
            self._gone.set()
        if topic == self._topics.conversation and payload == "ON":
            self._talked = True
        if topic == self._topics.state and payload == State.IDLE:
            self._idle()

    def _idle(self) -> None:
        if self._talked:
            self._loop.call_later(LAST_SOUND_S, self._speaker.stop)
        elif self._room is None:
            self._say(f'           say "{self._wake_word}" and whatever you like; be silent to end the talk')
        elif not self._asked:
            self._asked = True
            self._limit = self._loop.call_later(TALK_LIMIT_S, self._too_late)
            self._say(f'           somebody in the room says "{self._wake_word}" and asks about the weather')
            self._room.say(_question())

    def _too_late(self) -> None:
        self._limit = None
        self._talked = False
        self._speaker.stop()


def _question() -> Samples:
    """The user's words: clips of our own."""
    sounds = []
    for name in ("hey_jarvis.wav", "question.wav"):
        with as_file(files("moshi_speaker") / "data" / name) as path:
            sounds += [read_audio(path), np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)]
    return np.concatenate(sounds)


def _require_writable(out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_wav(out, np.zeros(0, np.float32))
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(out)) from error
