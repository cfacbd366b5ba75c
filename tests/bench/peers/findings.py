"""What a session found, as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.bench.peers.alternation import Session

OURS = "moshi-speaker"
"""Who we are."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Times of one contestant for one part of a frame."""

    part: str
    who: str
    times_ms: list[float]
    """Median of each round."""
    least_ms: float
    """Of all frames."""
    most_ms: float
    """Of all frames."""
    ratios: list[float]
    """Ours divided by theirs, round by round."""


def of_session(session: Session, counts: dict[str, tuple[str, str]]) -> list[Finding]:
    """Hold everybody's times against ours; ``counts`` tells which way and part of ours counts for a part."""
    found = []
    for (who, way, part), batches in session.batches.items():
        ours = session.batches.get((OURS, *counts[part]))
        frames = [time for batch in batches.rounds_ms for time in batch]
        pairs = zip(ours.times_ms, batches.times_ms, strict=True) if ours else ()
        found.append(
            Finding(
                part=part if way == "in turn" else f"{part}, {way}",
                who=who,
                times_ms=batches.times_ms,
                least_ms=min(frames),
                most_ms=max(frames),
                ratios=[a / b for a, b in pairs],
            )
        )
    return sorted(found, key=lambda item: item.part)


def same_codes(session: Session) -> list[str]:
    """How far the results agree with ours, a line for each of the others."""
    reference = session.results.get(OURS)
    lines = []
    for who, result in session.results.items():
        if reference is None or who == OURS:
            continue
        same = float((result["codes"] == reference["codes"]).mean())
        level = float(np.sqrt(np.mean((result["sound"] - reference["sound"]) ** 2)))
        relative = level / float(np.sqrt(np.mean(reference["sound"] ** 2)))
        lines.append(f"{who}: {same:.1%} of the codes are ours, their sound differs by {relative:.1e} (rms)")
    return lines


def show(found: Sequence[Finding], console: Console) -> None:
    """Print a table."""
    table = Table("part", "who", "median ms", "min", "max", "ours / theirs", "min", "max")
    for item in found:
        row = [
            item.part,
            item.who,
            f"{median(item.times_ms):.1f}",
            f"{item.least_ms:.1f}",
            f"{item.most_ms:.1f}",
        ]
        if item.ratios:
            row += [f"{median(item.ratios):.3f}", f"{min(item.ratios):.3f}", f"{max(item.ratios):.3f}"]
        table.add_row(*row)
    console.print(table)
