"""The wake word's detector: the seam to the engines, and what is made of their scores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.wake.policy import WakePolicy
from moshi_speaker.wake.statistics import WakeStatistics, with_peak
from moshi_speaker.wake.trigger import GATE_CHUNKS, Peak, Trigger

CHUNK_SAMPLES = 1_280
"""Samples at 16 kHz in one chunk: 80 ms."""
CHUNK_SECONDS = 0.08
JOIN_SECONDS = 0.5
"""Sound that may be missing between two chunks, or only be late. A block or two that a busy machine loses
costs part of a syllable: to close the gate for 1.28 s would lose more words than it saves. After more than
this the microphone was off, lost or asleep: what was heard before does not belong to what comes, and what
comes first may be the noise of being switched on."""

WakeChunk = NDArray[np.int16]
"""Sound at 16 kHz, shape (1280,)."""


class WakeEngine(Protocol):
    """Classifiers that say how much the latest sound is like each of one or more wake words."""

    @property
    def words(self) -> tuple[str, ...]:
        """Names of the wake words, as they are published."""

    def scores(self, chunk: WakeChunk) -> Sequence[float]:
        """Hear the next 80 ms, shape (1280,) at 16 kHz, and give a score from 0 to 1 for each word."""

    def reset(self) -> None:
        """Forget all sound heard so far."""

    def close(self) -> None:
        """Free the models. May be called twice."""


class Clip(Protocol):
    """Keeps the sound of the latest detection."""

    def hear(self, chunk: WakeChunk) -> None:
        """Remember the next 80 ms, shape (1280,) at 16 kHz."""

    def keep(self) -> None:
        """There was a detection: keep what led to it. Returns at once."""

    def reset(self) -> None:
        """Forget what was heard, but for what is kept."""

    def close(self) -> None:
        """Finish what is under way. May be called twice."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A wake word was heard."""

    wake_word: str
    """Name of the wake word."""
    score: float
    """Best score of the chunks that made the detection, 0 to 1."""
    at: float
    """Capture time of the end of the chunk that completed it, in seconds."""


class Detector:
    """A wake engine and the trigger over it. Belongs to one thread at a time, but for the three below.

    ``policy`` and ``guarded`` may be set, and ``statistics`` read, from any thread at any time.
    """

    def __init__(
        self,
        engine: WakeEngine,
        policy: WakePolicy,
        *,
        clip: Clip | None = None,
        gate_chunks: int = GATE_CHUNKS,
    ) -> None:
        """Takes over the engine and the clip: ``close`` closes them."""
        self.policy = policy
        """How sure it must be; holds from the next chunk on."""
        self.guarded = False
        """On its guard: the policy's ``guarded_threshold`` holds where it is the higher one."""
        self._engine = engine
        self._words = engine.words
        self._trigger = Trigger(self._words, gate_chunks)
        self._clip = clip
        self._statistics = WakeStatistics.of(self._words)
        self._last_end: float | None = None

    @property
    def wake_words(self) -> tuple[str, ...]:
        """Names of the wake words it listens for."""
        return self._words

    @property
    def statistics(self) -> WakeStatistics:
        """What the scores were like until now."""
        return self._statistics

    def hear(self, chunk: WakeChunk, at_end: float) -> Detection | None:
        """Hear 80 ms, shape (1280,) at 16 kHz, that end at capture time ``at_end`` in seconds."""
        if self._last_end is not None and at_end - self._last_end > CHUNK_SECONDS + JOIN_SECONDS:
            self.reset()
        self._last_end = at_end
        if self._clip is not None:
            self._clip.hear(chunk)
        scores = self._engine.scores(chunk)
        fired, peaks = self._trigger.decide(scores, at_end, self.policy, guarded=self.guarded)
        self._count(scores, at_end, peaks, None if fired is None else fired.word)
        if fired is None:
            return None
        if self._clip is not None:
            self._clip.keep()
        return Detection(self._words[fired.word], fired.score, at_end)

    def reset(self) -> None:
        """Forget all sound; for the next 1.28 s there is no detection."""
        self._engine.reset()
        self._trigger.reset()
        self._last_end = None
        if self._clip is not None:
            self._clip.reset()

    def close(self) -> None:
        """Free the models. May be called twice."""
        self._engine.close()
        if self._clip is not None:
            self._clip.close()

    def _count(self, scores: Sequence[float], at: float, peaks: list[Peak], fired: int | None) -> None:
        """One new snapshot a chunk: whoever reads it sees all of a chunk or nothing."""
        words = self._statistics.words
        if peaks or fired is not None:
            counted = dict(words)
            for peak in peaks:
                name = self._words[peak.word]
                counted[name] = with_peak(counted[name], peak.score, near_miss=peak.near_miss)
            if fired is not None:
                before = counted[self._words[fired]]
                counted[self._words[fired]] = replace(before, detections=before.detections + 1)
            words = MappingProxyType(counted)
        numbers = [score for score in scores if score == score]
        heard_at = at if len(numbers) == len(scores) else self._statistics.last_scored_at
        self._statistics = WakeStatistics(words, max(numbers, default=0.0), heard_at)
