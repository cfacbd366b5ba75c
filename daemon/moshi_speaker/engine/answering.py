"""Sends answers in order as soon as their sound is there, while the next frame is being heard.

The rule when full: the thread that hears waits. The speaker sends few frames ahead, so that it never does.
"""

from collections.abc import Callable
from contextlib import suppress
from queue import Queue
from threading import Thread
from typing import Self

from moshi_speaker.engine.duet import LateReply
from moshi_speaker.engine.interface import Timings
from moshi_speaker.engine.messages import Answer, Frame, Message
from moshi_speaker.errors import SpeakerError

CAPACITY = 64
"""Answers; many times what the speaker sends ahead."""

Clock = Callable[[], float]
"""Seconds of a monotonic clock."""


_Work = tuple[Frame, LateReply, float, float, float]


class Answering:
    """A thread that waits for sound; as a context it ends with the block, or after the sound in hand."""

    def __init__(self, send: Callable[[Message], None], clock: Clock, lost: Callable[[], None]) -> None:
        """``lost`` is called, from the thread, when no sound will ever come; then ``check`` raises."""
        self._send = send
        self._clock = clock
        self._lost = lost
        self._queue: Queue[_Work | None] = Queue(CAPACITY)
        self._error: SpeakerError | OSError | None = None
        self._free_at = 0.0
        Thread(target=self._run, name="answers", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._queue.put(None)

    def put(self, frame: Frame, reply: LateReply, arrived: float, began: float) -> None:
        """Answer the frame, which arrived and was begun at these times, when its sound is there."""
        self._queue.put((frame, reply, arrived, began, self._clock()))

    def drain(self) -> None:
        """Wait until all is sent. Raises what ``check`` raises."""
        self._queue.join()
        self.check()

    def check(self) -> None:
        """Raise the error that ended the thread's work, if one did."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                if self._error is None:
                    self._answer(*work)
            except (SpeakerError, OSError) as error:
                self._error = error
                with suppress(SpeakerError):
                    self._lost()
            finally:
                self._queue.task_done()

    def _answer(self, frame: Frame, reply: LateReply, arrived: float, began: float, heard: float) -> None:
        audio = reply.audio
        now = self._clock()
        # Both work at once: what bounds the pace is the one that takes longer.
        spoken_s = now - max(heard, self._free_at)
        self._free_at = now
        timings = Timings((began - arrived) * 1_000, max(heard - began, spoken_s) * 1_000)
        self._send(Answer(frame.session, frame.sequence, audio, reply.text, reply.silent, timings))
