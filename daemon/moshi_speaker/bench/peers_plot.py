"""Other programs beside ours, as a picture."""

from typing import TYPE_CHECKING

from moshi_speaker.bench.canvas import BLUE, GREEN, GREY, INK, ORANGE, WIDTH, legend, real_time, sign
from moshi_speaker.bench.report import OURS, Report, Times
from moshi_speaker.bench.table import fastest_first

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "codec": "One frame through Mimi, encoded and decoded",
    "lm step": "One step of the language model, 1B preset in 8 bits",
}
"""What is shown, a panel each, of what ``tests/bench/peers`` compares."""
_HALVES = (("encode", BLUE), ("decode", ORANGE))


def peers(report: Report) -> "Figure | None":
    """A panel for each kind of work and a bar for each program, fastest first."""
    shown = {part: fastest_first(report.peers, part) for part in TITLES}
    shown = {part: times for part, times in shown.items() if times}
    if not shown:
        return None
    from matplotlib.figure import Figure

    rows = [len(times) for times in shown.values()]
    figure = Figure(figsize=(WIDTH, 1.0 + sum(0.8 + 0.42 * count for count in rows)))
    panels = figure.subplots(len(shown), 1, height_ratios=rows, squeeze=False)[:, 0]
    ratio = {(part, who): found.median for part, who, found in report.comparisons()}
    for axes, (part, times) in zip(panels, shown.items(), strict=True):
        for place, each in enumerate(reversed(times)):
            _bar(axes, place, each, _halves(report, each))
            _label(axes, place, each, ratio.get((part, each.who)))
        axes.set_yticks(range(len(times)), [each.who for each in reversed(times)])
        axes.set_xlim(0, 1.5 * max(each.summary.most for each in times))
        axes.grid(axis="y", visible=False)
        real_time(axes)
        axes.set_title(TITLES[part])
    panels[-1].set_xlabel("milliseconds: median, and from least to most")
    legend(figure, panels[0], columns=4)
    sign(figure, report.machine)
    return figure


def _halves(report: Report, whole: Times) -> list[tuple[str, str, float]]:
    """What a bar is made of: name, colour and milliseconds; the language model has no parts."""
    if whole.part != "codec":
        return [("language model", GREEN, whole.summary.median)]
    found = {times.part: times for times in report.peers if times.who == whole.who}
    if any(name not in found for name, _ in _HALVES):
        return [("both", GREY, whole.summary.median)]
    halves = [(name, colour, found[name].summary.median) for name, colour in _HALVES]
    # Medians of parts need not add up to the median of the whole.
    scale = whole.summary.median / sum(ms for _, _, ms in halves)
    return [(name, colour, scale * ms) for name, colour, ms in halves]


def _bar(axes: "Axes", place: int, times: Times, parts: list[tuple[str, str, float]]) -> None:
    left = 0.0
    for name, colour, ms in parts:
        axes.barh(place, ms, left=left, color=colour, height=0.6, label=name if place == 0 else None)
        left += ms
    axes.plot((times.summary.least, times.summary.most), (place, place), color=INK, linewidth=1.4)


def _label(axes: "Axes", place: int, times: Times, ours: float | None) -> None:
    found = times.summary
    words = f"{found.median:,.0f} ms" if found.median >= 100 else f"{found.median:.3g} ms"
    if ours is not None:
        words += f", ours is {ours:.2f} ×"
    axes.annotate(
        words,
        (found.most, place),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=10,
        fontweight="bold" if times.who == OURS else "normal",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )
