"""An echo canceller and the ladder of how far it is trusted."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from moshi_speaker.audio.echo import Cleaned, EchoState, Rung
from moshi_speaker.audio.echo.rung import FIRST, Ladder, step
from moshi_speaker.audio.frames import Samples


class Canceller(Protocol):
    """An echo canceller that says how it fares."""

    @property
    def state(self) -> EchoState:
        """How it fares."""

    def clean(self, near: Samples, at: float) -> Cleaned:
        """As every echo canceller does."""


class Duplex:
    """Cleans the microphone, and keeps from Moshi what it would take for somebody else's voice."""

    def __init__(self, canceller: Canceller, on_change: Callable[[Ladder], None]) -> None:
        """``on_change`` hears of another rung, or of ducking, on the thread that calls ``clean``."""
        self._canceller = canceller
        self._ladder = FIRST
        self._on_change = on_change

    @property
    def ladder(self) -> Ladder:
        """Where we stand."""
        return self._ladder

    def clean(self, near: Samples, at: float) -> Cleaned:
        """Clean a frame, and say whether Moshi may hear it."""
        clean = self._canceller.clean(near, at)
        if not clean.playing:
            return clean
        self._climb(at)
        rung = self._ladder.rung
        return replace(clean, guarded=rung is not Rung.OPEN, gated=rung is Rung.HALF_DUPLEX)

    def _climb(self, at: float) -> None:
        before, self._ladder = self._ladder, step(self._ladder, self._canceller.state, at)
        if (self._ladder.rung, self._ladder.ducked) != (before.rung, before.ducked):
            self._on_change(self._ladder)
