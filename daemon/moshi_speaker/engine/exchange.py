"""The frames and answers of one session, between the speaker and its engine process. Pure: sends nothing."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.engine.backlog import Backlog
from moshi_speaker.engine.interface import AnsweredFrame
from moshi_speaker.engine.messages import Answer, Frame

MAX_UNREAD = 64
"""Answers that may wait for their reader: five seconds of sound. No more frames are sent while it is full."""


class Exchange:
    """Numbers the frames of a session, and keeps them until they may go, and answers until they are read."""

    def __init__(self, max_backlog_frames: int) -> None:
        """``max_backlog_frames`` may wait besides those under way; the oldest gives way."""
        self._session: int | None = None
        self._sequence = 0
        self._backlog = Backlog(max_backlog_frames)
        self._answers: deque[AnsweredFrame] = deque()

    @property
    def session(self) -> int | None:
        """The open session, if there is one."""
        return self._session

    @property
    def dropped(self) -> int:
        """Frames that gave way so far, all sessions together."""
        return self._backlog.dropped

    @property
    def in_flight(self) -> bool:
        """An answer is under way."""
        return self._backlog.in_flight

    def begin(self, session: int) -> None:
        """Open a session; the one before has been ended."""
        self._session, self._sequence = session, 0

    def end(self) -> None:
        """Forget the session, its frames and its answers."""
        self._session = None
        self._backlog.clear()
        self._answers.clear()

    def close(self) -> None:
        """No more frames: the engine is gone or goes. What it has answered may still be read."""
        self._session = None

    def feed(self, frame: NDArray[np.float32], now: float) -> None:
        """Let a frame of the open session wait; ``now`` in seconds. Ignored without a session."""
        if self._session is not None:
            self._backlog.push(Frame(self._session, self._sequence, np.array(frame, np.float32)), now)
            self._sequence += 1

    def next_frame(self) -> Frame | None:
        """The next frame to send, if one may go."""
        if self._session is None:
            return None
        return self._backlog.take(room=MAX_UNREAD - len(self._answers))

    def accept(self, answer: Answer, now: float) -> bool:
        """Keep an answer that arrived at ``now``; False if it is none of the open session."""
        if answer.session != self._session:
            return False
        latency_s = self._backlog.answered(answer.sequence, now)
        self._answers.append(
            AnsweredFrame(
                answer.session,
                answer.sequence,
                answer.audio,
                answer.text,
                answer.silent,
                answer.timings,
                backlog=len(self._backlog),
                latency_ms=1_000.0 * latency_s,
            )
        )
        return True

    def read(self) -> AnsweredFrame | None:
        """Take the oldest answer that nobody has read."""
        return self._answers.popleft() if self._answers else None
