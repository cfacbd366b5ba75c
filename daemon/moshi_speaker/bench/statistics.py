"""What a list of times says, in four numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moshi_speaker.errors import UsageError


@dataclass(frozen=True, slots=True)
class Summary:
    """The spread of some values, in their unit."""

    median: float
    p95: float
    """What 95 of 100 values do not exceed, interpolated linearly between neighbours."""
    least: float
    most: float
    count: int
    """Number of values."""


def summarize(values: Sequence[float]) -> Summary:
    """Summarize finite values. Raises UsageError when there are none, or one is not finite."""
    array = np.asarray(values, np.float64)
    if not array.size or not np.isfinite(array).all():
        raise UsageError(f"no statistics of {array.size} values, of which some may be no numbers")
    median, p95 = np.percentile(array, (50, 95))
    return Summary(float(median), float(p95), float(array.min()), float(array.max()), array.size)


def ratios(times: Sequence[float], others: Sequence[float]) -> Summary:
    """How often ``others`` go into ``times``, round by round; their spread is that of the comparison.

    Both lists must come from alternating runs of equal number: what disturbs the machine for a moment
    then disturbs both sides of a ratio. Raises UsageError where they do not.
    """
    if len(times) != len(others):
        raise UsageError(f"{len(times)} and {len(others)} times cannot be compared round by round")
    if not all(other > 0 for other in others):
        raise UsageError("a time that is not positive cannot be compared with")
    return summarize([time / other for time, other in zip(times, others, strict=True)])


def by_span(values: Sequence[float], span: int) -> list[tuple[int, float]]:
    """The median of each ``span`` values in a row and the number of the first of them; a rest is left out."""
    starts = range(0, len(values) - span + 1, span)
    return [(start, float(np.median(values[start : start + span]))) for start in starts]
