"""Is somebody speaking: probability of speech, level, and gates that turn either into begin and end."""

from enum import Enum
from typing import Protocol

import numpy as np

from moshi_speaker.audio.frames import Samples
from moshi_speaker.audio.silero import SileroVoiceActivityDetector

FLOOR_DBFS = -120.0
"""Level that digital silence is said to have."""
CHUNK_SAMPLES = 512
"""Samples at 16 kHz that Silero judges at once: 32 ms."""
_TOLERANCE_S = 1e-3
"""Times on the grid of frames shall not miss their moment by a rounding error."""


def level_dbfs(samples: Samples) -> float:
    """Root mean square in decibels; 0 dBFS is a constant 1.0, so a full sine has -3.01; at least -120."""
    if len(samples) == 0:
        return FLOOR_DBFS
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(FLOOR_DBFS, 10.0 * float(np.log10(power))) if power > 0.0 else FLOOR_DBFS


class VoiceActivity(Protocol):
    """Judges a stream of 16 kHz sound."""

    def feed(self, samples: Samples) -> float:
        """Take the next samples, shape (n,), and give the probability, 0 to 1, that there is speech."""

    def reset(self) -> None:
        """Begin a new stream."""


class SileroActivity:
    """Silero's voice activity detector over pieces of any length."""

    def __init__(self) -> None:
        self._detector = SileroVoiceActivityDetector()
        self._pending = np.zeros(0, np.float32)
        self._probability = 0.0

    def feed(self, samples: Samples) -> float:
        """The highest probability of the chunks completed by these samples, else the one of before."""
        pending = np.concatenate((self._pending, samples))
        whole = len(pending) // CHUNK_SAMPLES * CHUNK_SAMPLES
        chunks = pending[:whole].reshape(-1, CHUNK_SAMPLES)
        self._pending = pending[whole:]
        if whole:
            self._probability = max(float(self._detector.process_samples(c.tolist())) for c in chunks)
        return self._probability

    def reset(self) -> None:
        """Forget the stream so far."""
        self._detector.reset()
        self._pending = np.zeros(0, np.float32)
        self._probability = 0.0


class Transition(Enum):
    """What a gate noticed."""

    STARTED = "started"
    ENDED = "ended"


class Gate:
    """Hysteresis over a measured value.

    Opens after ``on_s`` seconds at or above ``opens``, closes after ``off_s`` seconds below ``closes``.
    """

    def __init__(self, *, opens: float, closes: float, on_s: float, off_s: float) -> None:
        """``opens`` must not be below ``closes``; times in seconds."""
        if opens < closes:
            raise ValueError(f"a gate that opens at {opens} cannot close below {closes}")
        self._opens = opens
        self._closes = closes
        self._on_s = on_s
        self._off_s = off_s
        self._active = False
        self._since: float | None = None

    @property
    def active(self) -> bool:
        """Whether it is open."""
        return self._active

    def feed(self, value: float, at: float) -> Transition | None:
        """Take the value measured at ``at`` (seconds, never falling) and say what changed, if anything."""
        turning = value < self._closes if self._active else value >= self._opens
        if not turning:
            self._since = None
            return None
        if self._since is None:
            self._since = at
        if at - self._since < (self._off_s if self._active else self._on_s) - _TOLERANCE_S:
            return None
        self._since = None
        self._active = not self._active
        return Transition.STARTED if self._active else Transition.ENDED

    def reset(self) -> None:
        """Close it without saying so."""
        self._active = False
        self._since = None


class SpeechGate(Gate):
    """Fed with probabilities of speech: the user begins and ends to speak."""

    def __init__(self, threshold: float, *, on_s: float = 0.08, off_s: float = 0.5) -> None:
        """Closes 0.15 below ``threshold``, as Silero's own iterator does: a soft syllable does not end it."""
        super().__init__(opens=threshold, closes=_below(threshold), on_s=on_s, off_s=off_s)

    def set_threshold(self, threshold: float) -> None:
        """Another threshold holds from now on."""
        self._opens, self._closes = threshold, _below(threshold)


class LevelGate(Gate):
    """Fed with levels in dBFS: Moshi's voice becomes audible and falls silent."""

    def __init__(self, threshold_dbfs: float = -45.0, *, on_s: float = 0.0, off_s: float = 0.4) -> None:
        """Opens at and closes below ``threshold_dbfs``."""
        super().__init__(opens=threshold_dbfs, closes=threshold_dbfs, on_s=on_s, off_s=off_s)


def _below(threshold: float) -> float:
    return min(threshold, max(0.01, threshold - 0.15))
