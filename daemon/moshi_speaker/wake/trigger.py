"""From scores to detections: how high, how many in a row, how soon again, and never at first.

No clock, no sound and no model: scores and times come in, what came to pass goes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from moshi_speaker.wake.policy import WakePolicy

GATE_CHUNKS = 16
"""Chunks without a detection after a start or a reset: a classifier looks back over 16 windows of
80 ms, and openWakeWord fills them with random noise at first."""
PEAK_FLOOR = 0.05
"""Score from which a rise is a peak: speech and noise stay below it nearly always."""
NEAR = 0.5
"""Part of the threshold from which a peak is a near miss."""


@dataclass(frozen=True, slots=True)
class Fired:
    """A wake word was detected."""

    word: int
    """Its number."""
    score: float
    """Best score of the chunks that made the detection, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The scores of a word rose, and fell again."""

    word: int
    """Its number."""
    score: float
    """The best one, 0 to 1."""
    near_miss: bool
    """It came near the threshold, or reached it for too short a time, and there was no detection."""


class _Word:
    """How the scores of one word run."""

    def __init__(self) -> None:
        self.row = 0
        """Chunks in a row that reached the threshold, outside of a rest."""
        self.best = 0.0
        """Best score of the row."""
        self.spent = False
        """The row had its detection."""
        self.peak = 0.0
        """Best score of the peak; 0 outside of one."""
        self.missed = True
        """There was no detection during the peak, nor a rest at its begin."""


class Trigger:
    """The policy over the scores of one or more words. Two words in the same sound are one detection."""

    def __init__(self, words: Sequence[str], gate_chunks: int = GATE_CHUNKS) -> None:
        """For words of these names; nothing fires in the first ``gate_chunks`` chunks."""
        self._names = tuple(words)
        self._gate_chunks = gate_chunks
        self._fired_at = float("-inf")
        self.reset()

    def decide(
        self, scores: Sequence[float], at: float, policy: WakePolicy, *, guarded: bool = False
    ) -> tuple[Fired | None, list[Peak]]:
        """Take the scores of the chunk that ends at ``at``, in seconds, one for each word in their order.

        Gives the detection, if there is one, and the peaks that are over. A score that is not a number is 0.
        """
        if self._gate > 0:
            self._gate -= 1
            return None, []
        resting = at < self._fired_at + policy.refractory_s
        peaks, ready = [], []
        for number, (name, score) in enumerate(zip(self._names, scores, strict=True)):
            threshold = policy.threshold_of(name, guarded=guarded)
            word = self._words[number]
            if (peak := _follow_peak(word, number, score, threshold, resting=resting)) is not None:
                peaks.append(peak)
            if _follow_row(word, score, threshold, policy.patience, resting=resting):
                ready.append(Fired(number, word.best))
        if not ready:
            return None, peaks
        self._fired_at = at
        for word in self._words:
            word.missed = False
        for fired in ready:
            self._words[fired.word].spent = True
        return max(ready, key=lambda fired: fired.score), peaks

    def reset(self) -> None:
        """Begin anew with the gate closed; a running rest goes on."""
        self._gate = self._gate_chunks
        self._words = [_Word() for _ in self._names]


def _follow_row(word: _Word, score: float, threshold: float, patience: int, *, resting: bool) -> bool:
    """Whether the row is long enough now, and had no detection yet."""
    if not score >= threshold:
        word.row, word.best, word.spent = 0, 0.0, False
        return False
    if resting:
        return False
    word.row += 1
    word.best = max(word.best, score)
    return word.row >= patience and not word.spent


def _follow_peak(word: _Word, number: int, score: float, threshold: float, *, resting: bool) -> Peak | None:
    """The peak that ends with this score."""
    if score >= PEAK_FLOOR:
        if word.peak == 0.0:
            word.missed = not resting
        word.peak = max(word.peak, score)
        return None
    if word.peak == 0.0:
        return None
    best, word.peak = word.peak, 0.0
    return Peak(number, best, near_miss=word.missed and best >= NEAR * threshold)
