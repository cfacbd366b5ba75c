"""What the scores were like: near misses, and how high they rose. For who tunes the thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

BINS = 10
"""Bins of a histogram: from 0 to 0.1, and so on up to 1."""


@dataclass(frozen=True, slots=True)
class WordStatistics:
    """One wake word's, since the start."""

    detections: int = 0
    """How often it was detected."""
    near_misses: int = 0
    """Peaks that came near the threshold, or reached it for too short a time, and were no detection."""
    histogram: tuple[int, ...] = (0,) * BINS
    """How many peaks rose how high: those of the detections and near misses, and lower ones."""


@dataclass(frozen=True, slots=True)
class WakeStatistics:
    """A snapshot."""

    words: Mapping[str, WordStatistics]
    """By wake word."""
    last_score: float = 0.0
    """Best score of all words for the latest chunk, 0 to 1."""
    last_scored_at: float | None = None
    """Capture time of the end of the latest chunk whose scores were all numbers, in seconds; None before the
    first: the heartbeat of the wake word."""

    @classmethod
    def of(cls, words: tuple[str, ...]) -> "WakeStatistics":
        """Those of a start."""
        return cls(MappingProxyType({word: WordStatistics() for word in words}))

    @property
    def detections(self) -> int:
        """Of all words."""
        return sum(word.detections for word in self.words.values())

    @property
    def near_misses(self) -> int:
        """Of all words."""
        return sum(word.near_misses for word in self.words.values())

    @property
    def histogram(self) -> tuple[int, ...]:
        """Of all words."""
        return tuple(map(sum, zip(*(word.histogram for word in self.words.values()), strict=True)))


def together(before: WakeStatistics, now: WakeStatistics) -> WakeStatistics:
    """The counts of both; the rest is of now."""
    words = dict(before.words)
    for name, counted in now.words.items():
        known = words.get(name, WordStatistics())
        words[name] = WordStatistics(
            known.detections + counted.detections,
            known.near_misses + counted.near_misses,
            tuple(map(sum, zip(known.histogram, counted.histogram, strict=True))),
        )
    return WakeStatistics(MappingProxyType(words), now.last_score, now.last_scored_at)


def with_peak(before: WordStatistics, score: float, *, near_miss: bool) -> WordStatistics:
    """The statistics after a peak of this score, 0 to 1, that may have been a near miss."""
    bins = list(before.histogram)
    bins[min(max(int(score * BINS), 0), BINS - 1)] += 1
    return WordStatistics(before.detections, before.near_misses + near_miss, tuple(bins))
