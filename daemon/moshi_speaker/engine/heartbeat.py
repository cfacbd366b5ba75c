"""When to ask an engine for a sign of life, and when to call it hung. Pure: times (seconds) are arguments."""

MAX_PAUSE_S = 5.0
"""Silence after which an engine with nothing to do is asked whether it lives."""


class Heartbeat:
    """Keeps the one deadline of an engine that was, or was not, asked something."""

    def __init__(self, hang_timeout_s: float, now: float) -> None:
        """``hang_timeout_s``: seconds that may pass between a question, or the last answer, and the next."""
        self._timeout_s = hang_timeout_s
        self._pause_s = min(MAX_PAUSE_S, hang_timeout_s / 2)
        self._heard = now
        self._waiting_since: float | None = None

    def asked(self, now: float) -> None:
        """Something was sent that will be answered."""
        if self._waiting_since is None:
            self._waiting_since = now

    def heard(self, now: float, *, waiting: bool) -> None:
        """Something was answered; ``waiting``: more is still to be answered."""
        self._heard = now
        self._waiting_since = now if waiting else None

    @property
    def deadline(self) -> float:
        """When to look again: to call it hung, or to ask for a sign of life."""
        if self._waiting_since is None:
            return self._heard + self._pause_s
        return self._waiting_since + self._timeout_s

    def hangs(self, now: float) -> bool:
        """An answer is overdue."""
        return self._waiting_since is not None and now >= self.deadline
