"""How well an engine keeps up in a talk: figures over its newest minute. Pure: holds at most 750 frames."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from moshi_speaker.engine.interface import AnsweredFrame, realtime_factor

WINDOW_FRAMES = 750
"""Frames that the figures are about: the newest minute."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the newest frames of a talk; times in milliseconds."""

    p50_ms: float
    """Half of the frames were answered within this time, waiting included."""
    p95_ms: float
    p99_ms: float
    realtime_factor: float
    """Time of computing over time of sound, as a mean."""
    backlog: int
    """Frames that were not yet answered at the newest answer."""


class FrameMeter:
    """Collects what the answers of one talk tell."""

    def __init__(self) -> None:
        self._latencies: deque[float] = deque(maxlen=WINDOW_FRAMES)
        self._computing: deque[float] = deque(maxlen=WINDOW_FRAMES)
        self._backlog = 0
        self.frames = 0
        """Frames that were answered in this talk."""

    def note(self, answer: AnsweredFrame) -> None:
        """Another frame was answered."""
        self.frames += 1
        self._latencies.append(answer.latency_ms)
        self._computing.append(answer.timings.compute_ms)
        self._backlog = answer.backlog

    def figures(self) -> Figures | None:
        """What is known now; None before the first answer."""
        if not self._latencies:
            return None
        ordered = sorted(self._latencies)
        return Figures(
            _quantile(ordered, 0.50),
            _quantile(ordered, 0.95),
            _quantile(ordered, 0.99),
            realtime_factor(sum(self._computing) / len(self._computing)),
            self._backlog,
        )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of the values does not exceed."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
