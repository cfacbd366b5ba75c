"""One picture: speech at the microphone before and after the canceller, and the reduction over time."""

import os
import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from moshi_speaker.audio.echo.rung import GUARDED_DB, OPEN_DB
from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.errors import MissingPartError
from moshi_speaker.selftest import Result
from moshi_speaker.selftest.echo import Cleaning, Course
from moshi_speaker.selftest.findings import Echo, Findings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

REMEDY = "pip install matplotlib"
"""What brings the picture."""
WIDTH, HEIGHT = 8.0, 7.0
"""Inches, at 150 dots each."""
_GREEN, _ORANGE, _GREY, _INK = "#009e73", "#e69f00", "#8a8f98", "#24292f"
"""Told apart by colour-blind people too (Okabe & Ito, 2008)."""
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "font.size": 10,
    "grid.color": "#e6e8eb",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_WINDOW, _STEP, _AVERAGED = 512, 240, 3
"""Samples of a spectrum, samples between two of them, and spectra in a column."""
_HIGHEST = 8_000.0
"""Hertz that are shown."""
_RANGE_DB, _COLOUR_DB = 66.0, 3.0
"""Decibels from the darkest to the brightest, and in one colour: few of them, to keep the file small."""
_MOST_COLUMNS = 600
_COLOURS = 96
"""In the file: those of the spectrogram, and what smooths letters and lines."""


def draw(result: Result, device: str, path: Path) -> None:
    """Draw a PNG; ``device`` is named in it. Raises MissingPartError without matplotlib, OSError.

    Where nothing of the loudspeaker arrived there is nothing to be drawn: ValueError.
    """
    cleaning, echo, over_time = result.cleaning, result.findings.echo, result.course
    if cleaning is None or echo is None or over_time is None:
        raise ValueError("there is no echo to be drawn")
    # Its cache of fonts belongs to nobody's home folder for the sake of one picture.
    os.environ.setdefault("MPLCONFIGDIR", tempfile.gettempdir())
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPartError("no picture without matplotlib", remedy=REMEDY) from error
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT))
        _fill(figure, cleaning, over_time)
        figure.suptitle(headline(result.findings, echo), x=0.01, ha="left", fontsize=12.5, weight="bold")
        figure.text(0.99, 0.002, device, ha="right", va="bottom", fontsize=7, color=_GREY)
        _save(figure, path)


def _save(figure: "Figure", path: Path) -> None:
    """As a PNG with a palette: a third of the size, and nobody sees the difference."""
    from PIL import Image

    with BytesIO() as whole:
        figure.savefig(whole, format="png")
        with Image.open(whole) as image:
            few = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    few.save(path, format="PNG", optimize=True)


def headline(findings: Findings, echo: Echo) -> str:
    """The key figures."""
    words = [f"volume {findings.volume} %"]
    if echo.reduction_db is not None:
        least = "at least " if echo.at_least else ""
        words.insert(0, f"Echo {least}{echo.reduction_db:.0f} dB softer")
    if findings.sweep.delay_ms is not None:
        words.append(f"delay {findings.sweep.delay_ms:.0f} ms")
    if echo.drift_ppm is not None:
        words.append(f"clocks {abs(echo.drift_ppm):.0f} ppm apart")
    return " · ".join(words)


def _fill(figure: "Figure", cleaning: Cleaning, over_time: Course) -> None:
    before, after, below = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 2))
    near, clean = (_spectrogram(sound) for sound in (cleaning.near, cleaning.clean))
    top = float(np.percentile(near, 99.9))
    seconds = cleaning.start_s + len(cleaning.near) / SAMPLE_RATE
    for axes, levels, title in (
        (before, near, "At the microphone"),
        (after, clean, "Behind the echo canceller"),
    ):
        image = _show(axes, levels, (cleaning.start_s, seconds), top)
        axes.set_title(title)
        axes.set_ylabel("kHz")
    bar = figure.colorbar(image, ax=[before, after], pad=0.01, aspect=40)
    bar.set_label("dB below the loudest")
    _reduction(below, over_time)
    below.set_xlim(cleaning.start_s, seconds)
    below.set_xlabel("seconds since the speech began")


def _show(axes: "Axes", levels: NDArray[np.float64], time: tuple[float, float], top: float) -> "AxesImage":
    from matplotlib import colormaps

    colours = colormaps["magma"].resampled(round(_RANGE_DB / _COLOUR_DB))
    return axes.imshow(
        levels - top,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(*time, 0.0, _HIGHEST / 1e3),
        cmap=colours,
        vmin=-_RANGE_DB,
        vmax=0.0,
    )


def _reduction(axes: "Axes", over_time: Course) -> None:
    seconds, reduction = np.asarray(over_time.seconds), np.asarray(over_time.reduction_db)
    axes.set_title("Reduction of the echo, where there is any")
    axes.set_ylabel("dB")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    top = max(30.0, 1.15 * float(reduction.max(initial=0.0)))
    axes.set_ylim(0.0, top)
    for limit, colour in ((OPEN_DB, _GREEN), (GUARDED_DB, _ORANGE)):
        axes.axhline(limit, color=colour, linewidth=1.2, linestyle=(0, (5, 2)))
    for words, low, high in (
        ("open talk", OPEN_DB, top),
        ("guarded", GUARDED_DB, OPEN_DB),
        ("half duplex", 0.0, GUARDED_DB),
    ):
        place = (1.01, (low + high) / 2)
        axes.annotate(
            words, place, xycoords=("axes fraction", "data"), va="center", fontsize=8, annotation_clip=False
        ).set_in_layout(False)
    breaks = np.flatnonzero(np.diff(seconds) > 0.2) + 1
    for times, values in zip(np.split(seconds, breaks), np.split(reduction, breaks), strict=True):
        axes.plot(times, np.maximum(values, 0.0), color=_INK, linewidth=1.8)


def _spectrogram(sound: Samples) -> NDArray[np.float64]:
    """Levels in decibels, shape (bins up to 8 kHz, columns)."""
    step = max(_STEP, len(sound) // (_MOST_COLUMNS * _AVERAGED))
    pieces = sliding_window_view(np.pad(sound, _WINDOW // 2), _WINDOW)[::step] * np.hanning(_WINDOW)
    bins, columns = round(_HIGHEST * _WINDOW / SAMPLE_RATE), len(pieces) // _AVERAGED
    spectra = np.square(np.abs(np.fft.rfft(pieces[: columns * _AVERAGED], axis=1)))[:, :bins]
    power = spectra.reshape(columns, _AVERAGED, bins).mean(axis=1)
    return np.asarray(10.0 * np.log10(power.T + 1e-12))
