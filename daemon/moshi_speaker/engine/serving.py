"""The work of the engine process: load, warm up, answer message by message. Knows no pipe and no process."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.engine.inbox import Inbox
from moshi_speaker.engine.interface import EngineInfo, Timings
from moshi_speaker.engine.messages import (
    Answer,
    Begin,
    Configure,
    End,
    Frame,
    Message,
    Ping,
    Pong,
    Ready,
    Status,
)
from moshi_speaker.engine.protocol import FRAME_SAMPLES
from moshi_speaker.errors import ProtocolError
from moshi_speaker.settings import ModelSettings

_STATUS_LENGTH = 500
"""Characters; a status is one line."""


class Reply(Protocol):
    """What one step of a dialogue gives."""

    @property
    def audio(self) -> NDArray[np.float32] | None:
        """Moshi's voice, shape (1920,), or None while the delays fill."""

    @property
    def text(self) -> str:
        """The text of this step, often empty."""

    @property
    def silent(self) -> bool:
        """The text token was padding."""


class Dialogue(Protocol):
    """A loaded model that talks, one frame at a time."""

    @property
    def model(self) -> str:
        """Repo id or folder of the model."""

    def reset(self) -> None:
        """Forget the talk and get ready for the first frame of the next one."""

    def step(self, pcm: NDArray[np.float32]) -> Reply:
        """Hear one frame, shape (1920,), and answer it."""

    def memory_bytes(self) -> int:
        """Memory that the model holds, in bytes."""


Load = Callable[[ModelSettings, Callable[[str], None]], Dialogue]
"""Loads a model; tells in one line, as often as it likes, what it is busy with. Raises SpeakerError."""
Send = Callable[[Message], None]
Clock = Callable[[], float]
"""Seconds of a monotonic clock."""


def serve(inbox: Inbox, send: Send, load: Load, clock: Clock, started: float) -> None:
    """Work until the inbox is closed; ``started`` is when the process began, by ``clock``.

    Raises SpeakerError when the model cannot be loaded, ProtocolError when the speaker speaks out of turn.
    """
    first = inbox.take()
    if first is None:
        return
    message, _ = first
    if not isinstance(message, Configure):
        raise ProtocolError(f"{type(message).__name__} before Configure")
    dialogue = load(message.model, lambda text: send(Status(text[:_STATUS_LENGTH])))
    send(Status("warming up"))
    frame_ms = _warm_up(dialogue, message.warmup_frames, clock)
    info = EngineInfo(dialogue.model, clock() - started, frame_ms, dialogue.memory_bytes())
    worker = Worker(dialogue, send, clock)
    send(Ready(info))
    while (item := inbox.take()) is not None:
        worker.handle(*item)


def _warm_up(dialogue: Dialogue, frames: int, clock: Clock) -> float:
    """Compute whole frames of silence, which also compiles every kernel; milliseconds of the last one."""
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    dialogue.reset()
    took = 0.0
    for _ in range(frames):
        began = clock()
        dialogue.step(silence)
        took = clock() - began
    dialogue.reset()
    return took * 1_000


class Worker:
    """A loaded model that answers messages; refreshed after each session, so that the next begins at once."""

    def __init__(self, dialogue: Dialogue, send: Send, clock: Clock) -> None:
        """``dialogue`` has just been reset."""
        self._dialogue = dialogue
        self._send = send
        self._clock = clock
        self._session: int | None = None
        self._fresh = True

    def handle(self, message: Message, arrived: float) -> None:
        """Do what the message asks for; ``arrived`` is its time of arrival, in seconds."""
        match message:
            case Frame() if message.session == self._session:
                self._answer(message, arrived)
            case Frame():
                pass  # of a session that is over
            case Begin(session):
                self._refresh()
                self._session = session
            case End():
                self._session = None
                self._refresh()
            case Ping(sequence):
                self._send(Pong(sequence))
            case _:
                raise ProtocolError(f"{type(message).__name__} out of turn")

    def _answer(self, frame: Frame, arrived: float) -> None:
        began = self._clock()
        self._fresh = False
        # A sound that is not a number would stay in the codec's memory for as long as its window.
        sound = frame.sound if np.isfinite(frame.sound).all() else np.zeros_like(frame.sound)
        reply = self._dialogue.step(sound)
        timings = Timings((began - arrived) * 1_000, (self._clock() - began) * 1_000)
        self._send(Answer(frame.session, frame.sequence, reply.audio, reply.text, reply.silent, timings))

    def _refresh(self) -> None:
        if not self._fresh:
            self._dialogue.reset()
            self._fresh = True
