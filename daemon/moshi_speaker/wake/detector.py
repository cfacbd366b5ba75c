"""When a score is a wake word: the seam to the engines, and the policy that turns scores into detections."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.settings import WakeSettings

CHUNK_SAMPLES = 1_280
"""Samples at 16 kHz in one chunk: 80 ms."""
GATE_CHUNKS = 16
"""Chunks without a detection after a start or a reset: a classifier looks back over 16 windows of
80 ms, and openWakeWord fills them with random noise at first."""

WakeChunk = NDArray[np.int16]
"""Sound at 16 kHz, shape (1280,)."""


class WakeEngine(Protocol):
    """A classifier that says how much the latest sound is like one wake word."""

    @property
    def name(self) -> str:
        """Name of the wake word, as it is published."""

    def score(self, chunk: WakeChunk) -> float:
        """Hear the next 80 ms, shape (1280,) at 16 kHz, and give a score from 0 to 1."""

    def reset(self) -> None:
        """Forget all sound heard so far."""

    def close(self) -> None:
        """Free the model. May be called twice."""


@dataclass(frozen=True, slots=True)
class Detection:
    """The wake word was heard."""

    wake_word: str
    """Name of the wake word."""
    score: float
    """Best score of the chunks that made the detection, 0 to 1."""
    at: float
    """Capture time of the end of the chunk that completed it, in seconds."""


class Trigger:
    """The policy over scores: how high, how many in a row, how soon again, and never at first."""

    def __init__(
        self, threshold: float, patience: int, refractory_s: float, gate_chunks: int = GATE_CHUNKS
    ) -> None:
        """``patience`` chunks in a row must reach ``threshold``; then ``refractory_s`` seconds of rest."""
        self._threshold = threshold
        self._patience = patience
        self._refractory_s = refractory_s
        self._gate_chunks = gate_chunks
        self._quiet_until = float("-inf")
        self._gate = gate_chunks
        self._row = 0
        self._best = 0.0
        self.near_misses = 0
        """Rows of chunks that reached the threshold but were too short, since construction."""

    def decide(self, score: float, at: float) -> float | None:
        """Take the score of the chunk that ends at ``at``; give the best score of a row that fires."""
        if self._gate > 0:
            self._gate -= 1
            return None
        if not score >= self._threshold:
            self._break_row()
            return None
        if at < self._quiet_until:
            return None
        self._row += 1
        self._best = max(self._best, score)
        if self._row != self._patience:
            return None
        self._quiet_until = at + self._refractory_s
        return self._best

    def reset(self) -> None:
        """Begin anew with the gate closed; a running rest goes on."""
        self._gate = self._gate_chunks
        self._row = 0
        self._best = 0.0

    def _break_row(self) -> None:
        if 0 < self._row < self._patience:
            self.near_misses += 1
        self._row = 0
        self._best = 0.0


class Detector:
    """A wake engine and the trigger policy over it. Belongs to one thread at a time."""

    def __init__(self, engine: WakeEngine, trigger: Trigger) -> None:
        """Takes over the engine: ``close`` closes it."""
        self._engine = engine
        self._trigger = trigger

    @classmethod
    def over(cls, engine: WakeEngine, settings: WakeSettings) -> "Detector":
        """A detector with the policy of the settings."""
        return cls(engine, Trigger(settings.threshold, settings.patience, settings.refractory_s))

    @property
    def wake_word(self) -> str:
        """Name of the wake word it listens for."""
        return self._engine.name

    @property
    def near_misses(self) -> int:
        """How often the threshold was reached, but for too short a time."""
        return self._trigger.near_misses

    def hear(self, chunk: WakeChunk, at_end: float) -> Detection | None:
        """Hear 80 ms, shape (1280,) at 16 kHz, that end at capture time ``at_end`` in seconds."""
        best = self._trigger.decide(self._engine.score(chunk), at_end)
        return None if best is None else Detection(self._engine.name, best, at_end)

    def reset(self) -> None:
        """Forget all sound; for the next 1.28 s there is no detection."""
        self._engine.reset()
        self._trigger.reset()

    def close(self) -> None:
        """Free the model. May be called twice."""
        self._engine.close()
