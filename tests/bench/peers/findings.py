"""What a session found, as a table and as JSON."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from moshi_speaker.bench.report import OURS, Times, read_times
from moshi_speaker.bench.statistics import Summary, ratios
from tests.bench.peers.alternation import Session
from tests.bench.peers.codec import TOGETHER


def times_of(session: Session) -> list[Times]:
    """For each contestant and part the median of each round, ours first."""
    return [Times(part, who, tuple(rounds)) for (part, who), rounds in session.medians.items()]


def comparisons(found: Sequence[Times]) -> Iterator[tuple[Times, str, Summary]]:
    """Everybody else's times, the part of ours that they are held against, and ours in units of theirs."""
    ours = {times.part: times for times in found if times.who == OURS}
    for theirs in found:
        if theirs.who == OURS:
            continue
        for part in (theirs.part, TOGETHER) if theirs.part == "codec" else (theirs.part,):
            if part in ours:
                yield theirs, part, ratios(ours[part].times_ms, theirs.times_ms)


def table(found: Sequence[Times]) -> Table:
    """Medians of rounds, with the least and the most, and ours in units of theirs."""
    shown = Table(title="Milliseconds a frame, medians of rounds in turns", title_justify="left")
    for name in ("part", "program"):
        shown.add_column(name, no_wrap=True)
    for name in ("median", "min", "max", "ours is", "min", "max"):
        shown.add_column(name, justify="right", no_wrap=True)
    compared = {(each.part, each.who, part): ratio for each, part, ratio in comparisons(found)}
    for times in sorted(found, key=lambda each: each.part):
        spread = times.summary
        row = [f"{value:.1f}" for value in (spread.median, spread.least, spread.most)]
        ratio = compared.get((times.part, times.who, times.part))
        if ratio:
            row += [f"{value:.3f}" for value in (ratio.median, ratio.least, ratio.most)]
        shown.add_row(times.part, times.who, *row)
    for (_, who, part), ratio in compared.items():
        if part == TOGETHER:
            row = [f"{value:.3f}" for value in (ratio.median, ratio.least, ratio.most)]
            shown.add_row(TOGETHER, who, "", "", "", *row)
    return shown


def agreement(session: Session) -> list[str]:
    """How far what they computed is what we computed, a line for each of the others."""
    ours = session.results.get(OURS)
    others = {who: result for who, result in session.results.items() if who != OURS}
    if ours is None:
        return []
    return [f"{who}: {_codes(ours, result)}" for who, result in others.items() if "codes" in result] + [
        f"{who}: {_logits(ours, result)}" for who, result in others.items() if "logits" in result
    ]


def write(path: Path, found: Sequence[Times], *, add: bool) -> None:
    """Write times as ``moshi-speaker bench --peers`` reads them; ``add``: behind those already there."""
    merged: dict[tuple[str, str], tuple[float, ...]] = {}
    for times in (*(read_times(path) if add and path.exists() else ()), *found):
        key = times.part, times.who
        merged[key] = (*merged.get(key, ()), *times.times_ms)
    document = [{"part": part, "who": who, "times_ms": times} for (part, who), times in merged.items()]
    path.write_text(json.dumps(document, indent=1) + "\n")


def _codes(ours: dict[str, NDArray[np.float32]], theirs: dict[str, NDArray[np.float32]]) -> str:
    count = len(theirs["codes"])
    same = float((theirs["codes"] == ours["codes"][:count]).mean())
    return (
        f"{same:.1%} of the codes are ours, the sound differs by {_distance(ours, theirs, 'sound'):.1e} (rms)"
    )


def _logits(ours: dict[str, NDArray[np.float32]], theirs: dict[str, NDArray[np.float32]]) -> str:
    count = len(theirs["logits"])
    same = np.mean(theirs["logits"].argmax(axis=1) == ours["logits"][:count].argmax(axis=1))
    return f"{same:.0%} of the words are ours, logits differ by {_distance(ours, theirs, 'logits'):.1e} (rms)"


def _distance(
    ours: dict[str, NDArray[np.float32]], theirs: dict[str, NDArray[np.float32]], key: str
) -> float:
    """Root mean square of the difference, relative to that of ours."""
    reference = ours[key][: len(theirs[key])]
    return float(np.sqrt(np.mean((theirs[key] - reference) ** 2) / np.mean(reference**2)))
