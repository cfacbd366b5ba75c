"""What all pictures have in common: one palette, one style, a line at real time, a name of the machine."""

from typing import TYPE_CHECKING, Any

from moshi_speaker.bench.machine import Machine
from moshi_speaker.bench.table import FRAME_MS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY, RED = "#0072b2", "#e69f00", "#009e73", "#8a8f98", "#c0392b"
"""One palette, told apart by colour-blind people too (Okabe & Ito, 2008); red is for real time alone."""
INK, PAPER = "#24292f", "#ffffff"
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 14,
    "axes.titleweight": "bold",
    "axes.titlepad": 14,
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "figure.facecolor": PAPER,
    "font.size": 11,
    "grid.color": "#e6e8eb",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
REAL_TIME = "real time: 80 ms"
LIMIT_LINE: dict[str, Any] = {"color": RED, "linewidth": 1.6, "linestyle": (0, (5, 2)), "label": REAL_TIME}
WIDTH = 8.0
"""Inches; at 150 dots an inch a picture is as wide as a page on a screen."""


def canvas(height: float) -> "tuple[Figure, Axes]":
    """An empty picture, ``height`` inches high."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    return figure, figure.subplots()


def real_time(axes: "Axes") -> None:
    """Draw the limit."""
    axes.axvline(FRAME_MS, **LIMIT_LINE)


def legend(figure: "Figure", axes: "Axes", columns: int = 2) -> None:
    """Say below the picture what the colours mean."""
    handles, labels = axes.get_legend_handles_labels()
    # The limit last: it is no result.
    order = sorted(range(len(labels)), key=lambda index: labels[index] == REAL_TIME)
    handles, labels = [handles[index] for index in order], [labels[index] for index in order]
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=10)


def sign(figure: "Figure", machine: Machine) -> None:
    """Name the machine in a corner."""
    figure.suptitle(str(machine), x=0.99, ha="right", fontsize=8, color=GREY)
