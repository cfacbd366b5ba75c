"""The user's frames on their way to the engine process. Pure: sends nothing.

The rule: few frames are under way, the others wait here; a frame that comes when too many wait pushes out
the oldest of them, which is counted. No frame leaves unless there is room for its answer.
"""

from collections import deque

from moshi_speaker.engine.messages import Frame

IN_FLIGHT = 3
"""Frames under way at once: in work, ready, and in the pipe, so that the engine never waits for us."""


class Backlog:
    """Frames of one session that are not answered yet."""

    def __init__(self, limit: int) -> None:
        """``limit``: frames that may wait besides those under way."""
        self._waiting: deque[tuple[Frame, float]] = deque(maxlen=limit)
        self._in_flight: deque[tuple[int, float]] = deque()
        self.dropped = 0
        """Frames pushed out so far, all sessions together."""

    def __len__(self) -> int:
        """Frames that wait or are under way."""
        return len(self._waiting) + len(self._in_flight)

    @property
    def in_flight(self) -> bool:
        """An answer is under way."""
        return bool(self._in_flight)

    def push(self, frame: Frame, now: float) -> None:
        """Let the frame wait; ``now`` in seconds."""
        self.dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append((frame, now))

    def take(self, room: int) -> Frame | None:
        """The next frame to send, if one may go; ``room``: how many answers can still be kept."""
        if not self._waiting or len(self._in_flight) >= min(IN_FLIGHT, room):
            return None
        frame, pushed = self._waiting.popleft()
        self._in_flight.append((frame.sequence, pushed))
        return frame

    def answered(self, sequence: int, now: float) -> float:
        """The frame of this number is done, and with it all before it; the seconds since it was pushed."""
        latency = 0.0
        while self._in_flight and self._in_flight[0][0] <= sequence:
            _, pushed = self._in_flight.popleft()
            latency = now - pushed
        return latency

    def clear(self) -> None:
        """Forget all frames: their session is over."""
        self._waiting.clear()
        self._in_flight.clear()
