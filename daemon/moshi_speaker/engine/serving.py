"""The work of the engine process: start up, answer message by message. Knows no pipe and no process."""

from collections.abc import Callable

import numpy as np

from moshi_speaker.engine.answering import Answering
from moshi_speaker.engine.dialogue import Dialogue, Load
from moshi_speaker.engine.duet import Duet, LateReply
from moshi_speaker.engine.inbox import Inbox
from moshi_speaker.engine.interface import EngineInfo, Memory, Timings
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
from moshi_speaker.engine.resources import blas, memory
from moshi_speaker.engine.startup import start_up
from moshi_speaker.errors import ProtocolError

_STATUS_LENGTH = 500
"""Characters; a status is one line."""


Send = Callable[[Message], None]
Clock = Callable[[], float]
"""Seconds of a monotonic clock."""


def serve(inbox: Inbox, send: Send, load: Load, clock: Clock, started: float) -> None:
    """Work until the inbox is closed; ``started`` is when the process began, by ``clock``.

    Raises SpeakerError when the model cannot be loaded or is too slow, or is lost, ProtocolError when the
    speaker speaks out of turn.
    """
    first = inbox.take()
    if first is None:
        return
    message, _ = first
    if not isinstance(message, Configure):
        raise ProtocolError(f"{type(message).__name__} before Configure")
    ready = start_up(message, load, lambda text: send(Status(text[:_STATUS_LENGTH])), clock)
    info = EngineInfo(
        model=ready.dialogue.model,
        load_s=clock() - started,
        frame_ms=ready.frame_ms,
        memory=_memory(ready.dialogue),
        blas=blas(),
        problem=ready.problem,
        replaces=ready.replaces,
    )
    with Answering(send, clock, lost=inbox.close) as answering:
        worker = Worker(ready.dialogue, send, clock, answering)
        send(Ready(info))
        while (item := inbox.take()) is not None:
            worker.handle(*item)
        answering.check()


class Worker:
    """A loaded model that answers messages; refreshed after each session, so that the next begins at once."""

    def __init__(self, dialogue: Dialogue, send: Send, clock: Clock, answering: Answering) -> None:
        """``dialogue`` has just been reset; ``answering`` gets the replies whose sound comes later."""
        self._dialogue = dialogue
        self._send = send
        self._clock = clock
        self._answering = answering
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
                self._answering.drain()
                self._send(Pong(sequence, _memory(self._dialogue)))
            case _:
                raise ProtocolError(f"{type(message).__name__} out of turn")

    def _answer(self, frame: Frame, arrived: float) -> None:
        began = self._clock()
        self._fresh = False
        # A sound that is not a number would stay in the codec's memory for as long as its window.
        sound = frame.sound if np.isfinite(frame.sound).all() else np.zeros_like(frame.sound)
        reply = self._dialogue.step(sound)
        if isinstance(reply, LateReply):
            self._answering.put(frame, reply, arrived, began)
            return
        timings = Timings((began - arrived) * 1_000, (self._clock() - began) * 1_000)
        self._send(Answer(frame.session, frame.sequence, reply.audio, reply.text, reply.silent, timings))

    def _refresh(self) -> None:
        if not self._fresh:
            self._answering.drain()
            self._dialogue.reset()
            self._fresh = True


def _memory(dialogue: Dialogue) -> Memory:
    """What this process holds, and what another one holds for it."""
    ours = memory()
    elsewhere = dialogue.held_bytes if isinstance(dialogue, Duet) else 0
    return Memory(ours.active_bytes + elsewhere, ours.peak_bytes + elsewhere, ours.cache_bytes)
