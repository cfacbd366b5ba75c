"""When an engine that answers, but too late, has done so for too long. Pure: time is an argument."""

LAG_FRAMES = 6
"""Frames of 80 ms behind from which the answers come too late to be a talk: about half a second."""


class LagMeter:
    """Watches the backlog of one session; a moment without lag starts the count again."""

    def __init__(self, limit_s: float, frames: int = LAG_FRAMES) -> None:
        """``limit_s``: seconds of lag without a break that are borne; ``frames``: backlog that is lag."""
        self._limit_s = limit_s
        self._frames = frames
        self._since: float | None = None

    def update(self, backlog: int, now: float) -> bool:
        """Note the backlog in frames at ``now`` (seconds); True once lag has lasted for the limit."""
        if backlog < self._frames:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now - self._since >= self._limit_s

    def reset(self) -> None:
        """Forget the lag so far: a session begins."""
        self._since = None
