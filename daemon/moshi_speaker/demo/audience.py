"""Who watches the demo over MQTT, and plays the user's part."""

import asyncio
import secrets
import time
from collections.abc import Callable
from importlib.resources import as_file, files

import numpy as np

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.audio.room import RoomDevice
from moshi_speaker.audio.wavfile import read_audio
from moshi_speaker.errors import MissingPartError, SpeakerError
from moshi_speaker.events import State
from moshi_speaker.home.listener import Listener
from moshi_speaker.home.payloads import OFFLINE
from moshi_speaker.home.topics import Topics, discovery
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.daemon import Speaker

TALK_LIMIT_S = 60.0
"""Seconds from the first idle moment to the end of the talk in a room of files."""
LAST_SOUND_S = 0.6
"""Seconds for the sound that says that the talk is over."""
FAREWELL_S = 2.0
"""Seconds to wait for the last message."""
LONGEST = 2_000
"""Characters of a message that are printed; ``info`` is far longer, and nobody would read it here."""
PAUSE_S = 0.2
"""Seconds between the wake word and the question: one breath."""

Say = Callable[[str], None]
"""Prints a line; SpeakerError where that is not possible."""


class Audience:
    """Watches over MQTT, prints each message, plays the user's part in a room of files, and ends the demo."""

    def __init__(self, settings: Settings, room: RoomDevice | None, speaker: Speaker, say: Say) -> None:
        """Without a room, a person plays the user's part. To be made in the running event loop."""
        self._topics = Topics(settings.mqtt.base_topic, settings.speaker.id or "")
        self._discovery = discovery(settings.mqtt.discovery.prefix, self._topics.device_id)
        self._room = room
        self._speaker = speaker
        self._print = say
        self._wake_word = settings.wake.words[0].name.replace("_", " ")
        self._loop = asyncio.get_running_loop()
        self._started = time.monotonic()
        self._asked = self._talked = self._unread = self._lost = False
        self._limit: asyncio.TimerHandle | None = None
        self._gone = asyncio.Event()
        name = f"moshi-speaker-demo-{secrets.token_hex(4)}"
        self._listener = Listener(settings.mqtt, name, self._hear, self._hear_end)

    @property
    def broker(self) -> str:
        """``host:port`` of the broker."""
        return self._listener.address

    async def enter(self) -> None:
        """Connect to the broker. Raises MissingPartError."""
        await asyncio.to_thread(self._listener.open, f"{self._topics.root}/#")

    async def leave(self, *, tidy: bool) -> None:
        """Wait a moment for the last message, and hang up; ``tidy``: have the broker forget the speaker."""
        if self._limit is not None:
            self._limit.cancel()
        if not self._lost:
            try:
                await asyncio.wait_for(self._gone.wait(), FAREWELL_S)
            except TimeoutError:
                self._say("the broker did not tell that the speaker is offline")
            if tidy:
                await asyncio.to_thread(self._listener.clear, (*self._topics.retained, self._discovery))
        await asyncio.to_thread(self._listener.close)

    def _say(self, line: str) -> None:
        """Print a line; when nobody can read it, end the demo, and print no more."""
        if self._unread:
            return
        try:
            self._print(line)
        except SpeakerError as error:
            self._unread = True
            self._speaker.fail(error)

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        # Whoever may publish at this broker may send any bytes.
        text = payload.decode(errors="backslashreplace")
        self._loop.call_soon_threadsafe(self._follow, topic, text)

    def _hear_end(self, error: MissingPartError) -> None:
        self._loop.call_soon_threadsafe(self._lose, error)

    def _lose(self, error: MissingPartError) -> None:
        self._lost = True
        self._gone.set()
        self._speaker.fail(error)

    def _follow(self, topic: str, payload: str) -> None:
        if not payload:
            return  # what the broker is to forget
        name = topic.removeprefix(f"{self._topics.root}/")
        shown = payload if len(payload) <= LONGEST else f"{payload[:LONGEST]}…"
        self._say(f"{time.monotonic() - self._started:6.1f} s   {name:27} {shown}")
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
        if self._talked:
            what, remedy = "the talk did not end", "try again when the computer has less to do"
        else:
            what, remedy = "no talk came about", "please report this as a bug"
        self._speaker.fail(SpeakerError(f"{what} within {TALK_LIMIT_S:g} s", where="demo", remedy=remedy))


def _question() -> Samples:
    """The user's words: clips of our own."""
    sounds = []
    for name in ("hey_jarvis.wav", "question.wav"):
        with as_file(files("moshi_speaker") / "data" / name) as path:
            sounds += [read_audio(path), np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)]
    return np.concatenate(sounds)
