"""The figures as pictures, with matplotlib, where it is installed."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from moshi_speaker.bench.canvas import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LIMIT_LINE,
    ORANGE,
    STYLE,
    WIDTH,
    canvas,
    legend,
    real_time,
    sign,
)
from moshi_speaker.bench.peers_plot import peers
from moshi_speaker.bench.report import Report, Session
from moshi_speaker.bench.statistics import by_span
from moshi_speaker.bench.table import FRAME_MS, PARTS
from moshi_speaker.errors import MissingPartError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REMEDY = "pip install matplotlib"
"""What brings the pictures."""
_SPAN = 25
"""Steps of a long session in one point."""


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw what was measured into PNG files of a folder; which ones. Raises MissingPartError."""
    # Its cache of fonts belongs to nobody's home folder for the sake of three pictures.
    os.environ.setdefault("MPLCONFIGDIR", tempfile.gettempdir())
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPartError("no pictures without matplotlib", remedy=REMEDY) from error
    pictures: dict[str, Callable[[Report], Figure | None]] = {
        "latency.png": latency,
        "frame.png": frame,
        "session.png": session,
        "peers.png": peers,
    }
    drawn = []
    with matplotlib.rc_context(STYLE):
        for name, picture in pictures.items():
            figure = picture(report)
            if figure is not None:
                figure.savefig(folder / name)
                drawn.append(folder / name)
    return drawn


def latency(report: Report) -> "Figure | None":
    """How often each part took how long: cumulative, so that outliers show."""
    parts = [times for name in ("encode", "decode", "lm step", "frame") if (times := report.of(name))]
    if not parts:
        return None
    figure, axes = canvas(4.4)
    for times, colour in zip(parts, (BLUE, ORANGE, GREEN, INK), strict=False):
        values = sorted(times.times_ms)
        share = [100.0 * (index + 1) / len(values) for index in range(len(values))]
        label = f"{PARTS[times.part]}: {times.summary.median:.3g} ms, 95 % {times.summary.p95:.3g} ms"
        axes.step(values, share, where="post", color=colour, linewidth=2, label=label)
    axes.set_xscale("log")
    most = max(max(times.times_ms) for times in parts)
    least = min(min(times.times_ms) for times in parts)
    axes.set_xlim(least / 1.3, max(most, FRAME_MS) * 1.3)
    axes.set_ylim(0, 102)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    real_time(axes)
    axes.set_xlabel("milliseconds, logarithmic")
    axes.set_ylabel("runs that took at most so long, %")
    axes.set_title("How long a frame of 80 ms takes")
    legend(figure, axes)
    sign(figure, report.machine)
    return figure


def frame(report: Report) -> "Figure | None":
    """The parts of a frame one after the other, above the whole frame."""
    whole = report.of("frame")
    names = ("frame: encode", "frame: lm step", "frame: decode")
    parts = [times for name in names if (times := report.of(name))]
    if whole is None or len(parts) < len(names):
        return None
    figure, axes = canvas(2.9)
    labels = ("encode", "language model", "decode")
    left = 0.0
    for times, label, colour in zip(parts, labels, (BLUE, GREEN, ORANGE), strict=True):
        median = times.summary.median
        axes.barh(1, median, left=left, color=colour, height=0.55, label=f"{label} {median:.3g} ms")
        left += median
    found = whole.summary
    axes.barh(0, found.median, color=GREY, height=0.55, label=f"whole frame {found.median:.3g} ms")
    axes.errorbar(
        found.median,
        0,
        xerr=[[found.median - found.least], [found.p95 - found.median]],
        color=INK,
        capsize=4,
        label="least, 95 %",
    )
    axes.set_yticks((1, 0), ("parts, one\nafter the other", "whole frame,\none wait"))
    axes.set_xlim(0, 1.08 * max(FRAME_MS, left, found.p95))
    axes.grid(axis="y", visible=False)
    real_time(axes)
    axes.set_xlabel("milliseconds, median")
    axes.set_title("Where the time of a frame goes")
    legend(figure, axes)
    sign(figure, report.machine)
    return figure


def session(report: Report) -> "Figure | None":
    """Step time and memory against the length of the session."""
    found = report.session
    if found is None or not by_span(found.steps_ms, _SPAN):
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 5.2))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    _step_times(above, found)
    every = found.memory_every
    megabytes = [held / 1e6 for held in found.memory_bytes]
    below.plot([index * every for index in range(len(megabytes))], megabytes, color=GREEN, linewidth=2)
    below.set_ylim(0, 1.3 * max(megabytes))
    below.set_ylabel("memory, MB")
    below.set_xlabel("steps of 80 ms since the session began")
    above.set_title("Step time and memory in a long session")
    legend(figure, above)
    sign(figure, report.machine)
    return figure


def _step_times(axes: "Axes", found: Session) -> None:
    points = by_span(found.steps_ms, _SPAN)
    starts, medians = zip(*points, strict=True)
    axes.plot(starts, medians, color=BLUE, linewidth=1.6, label=f"median of {_SPAN} steps")
    axes.set_ylim(0, 1.5 * max(medians))
    if found.window < len(found.steps_ms):
        axes.axvline(found.window, color=GREY, linestyle="--", linewidth=1.4, label="the window is full")
    if max(medians) > FRAME_MS / 2:
        axes.set_ylim(0, 1.5 * max(*medians, FRAME_MS))
        axes.axhline(FRAME_MS, **LIMIT_LINE)
    axes.set_ylabel("milliseconds a step\n(real time: 80)")
