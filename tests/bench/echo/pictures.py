"""The pictures of ``docs/audio.md``: echo over time, the talker's intelligibility, and a talk to look at."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.bench.canvas import BLUE, GREEN, GREY, INK, ORANGE, PAPER, RED, STYLE, WIDTH, canvas
from tests.bench.echo.contestants import NOTHING, OURS, SPEEX, WEBRTC
from tests.bench.echo.findings import Finding
from tests.bench.echo.suite import ALONE, BOTH
from tests.bench.peers.pictures import shrink
from tests.room.cancelling import clean, ours
from tests.room.scenes import DOUBLE_TALK_S, ROOMS, double_talk, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {NOTHING: GREY, WEBRTC: ORANGE, SPEEX: BLUE, OURS: GREEN}
ROOM_COLOURS = dict(zip(ROOMS, ("#a6d8f0", "#56b4e9", BLUE, "#00486f", INK), strict=True))
"""From dead to live, from bright to dark."""
SHOWN = "living room", 6.0
"""Room and decibels of the talk that is shown."""
SECONDS = (3.0, 13.0)
"""Of it."""
_FFT, _HOP, _BINS = 768, 240, 2
"""Samples of a spectrum and between two; how many bins and steps are averaged into one dot."""
_DARK_DB, _BRIGHT_DB = -84.0, -36.0
_DOTS = 110
"""An inch, of the spectrograms: the noise of a room does not compress."""
_PLATE: dict[str, Any] = {"facecolor": "#000000", "alpha": 0.65, "linewidth": 0, "pad": 2.5}
"""Behind words on a picture."""
_GAP_S = 0.3
"""Seconds between two points beyond which Moshi made a pause, and the line does too."""


def draw(findings: Sequence[Finding], folder: Path) -> Iterator[Path]:
    """Draw what the findings allow; one file after the other."""
    with matplotlib.rc_context(STYLE):
        if any(each.part == ALONE and each.who == OURS for each in findings):
            yield reduction_over_time(findings, folder / "echo-reduction.png")
        if any(each.part == BOTH and each.who == OURS for each in findings):
            yield intelligibility(findings, folder / "echo-both-talk.png")
            yield spectrograms(folder / "echo-spectrogram.png")


def reduction_over_time(findings: Sequence[Finding], path: Path) -> Path:
    """How fast the echo goes in rooms that were never heard before."""
    figure, axes = canvas(4.2)
    for each in findings:
        room = each.scene.partition(":")[0]
        if each.part == ALONE and each.who == OURS:
            t60 = ROOMS[room][0].room.t60
            axes.plot(*_with_gaps(each), color=ROOM_COLOURS[room], linewidth=2, label=f"{room}, T60 {t60} s")
    axes.hlines(20, 3, 4, color=RED, linewidth=1.6)
    axes.hlines(30, 4, 15, color=RED, linewidth=1.6, label="asked for (up to T60 0.4 s)")
    axes.set_xlim(0, 15)
    axes.set_ylim(0, None)
    axes.set_xlabel("seconds of Moshi's voice in a room never heard before")
    axes.set_ylabel("echo reduction, dB")
    axes.set_title("The echo goes within seconds")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=10)
    return _saved(figure, path)


def intelligibility(findings: Sequence[Finding], path: Path) -> Path:
    """How well the talker is understood while Moshi talks, by canceller."""
    by_scene: dict[str, dict[str, float]] = {}
    for each in findings:
        if each.part == BOTH and "headphones" not in each.scene:
            by_scene.setdefault(each.scene, {})[each.who] = each.figures["STOI"]
    present = [who for who in COLOURS if any(who in by_who for by_who in by_scene.values())]
    figure, axes = canvas(1.6 + 0.42 * len(by_scene))
    for row, by_who in enumerate(by_scene.values()):
        axes.hlines(row, 0.4, 1.0, color="#e6e8eb", linewidth=1)
        for who in present:
            if who in by_who:
                axes.plot(
                    by_who[who], row, "o", color=COLOURS[who], markersize=9, label=who if not row else None
                )
    axes.set_yticks(range(len(by_scene)), [_short(scene) for scene in by_scene])
    axes.invert_yaxis()
    axes.set_xlim(0.4, 1.0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("STOI of the talker while Moshi talks (1: nothing lost)")
    axes.set_title("Who talks over Moshi is still understood")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=10)
    return _saved(figure, path)


def spectrograms(path: Path) -> Path:
    """A talk before and after, and the talker alone: what should be left."""
    from matplotlib.figure import Figure

    sound = render(double_talk(*SHOWN))
    out = clean(ours, sound).pcm
    figure = Figure(figsize=(WIDTH, 6.6))
    rows = figure.subplots(3, 1, sharex=True)
    shown = (
        ("what the microphone hears", sound.mic),
        ("what our canceller leaves", out),
        ("the talker alone", sound.near + sound.noise),
    )
    for axes, (title, samples) in zip(rows, shown, strict=True):
        _spectrogram(axes, samples, title)
    for x, text in ((0.1, "Moshi talks"), (DOUBLE_TALK_S - SECONDS[0] + 0.1, "both talk")):
        rows[0].text(x, 7.2, text, fontsize=10, color=PAPER, bbox=_PLATE)
    rows[-1].set_xlabel("seconds")
    return _saved(figure, path, dpi=_DOTS)


def _spectrogram(axes: "Axes", samples: Samples, title: str) -> None:
    begin, end = (round(each * SAMPLE_RATE) for each in SECONDS)
    axes.imshow(
        _decibels(samples[begin:end]),
        origin="lower",
        aspect="auto",
        extent=(0.0, SECONDS[1] - SECONDS[0], 0.0, SAMPLE_RATE / 2000.0),
        cmap="magma",
        vmin=_DARK_DB,
        vmax=_BRIGHT_DB,
        interpolation="nearest",
    )
    axes.axvline(DOUBLE_TALK_S - SECONDS[0], color=PAPER, linewidth=1.2, linestyle=(0, (5, 2)))
    axes.set_ylim(0.0, 8.0)
    axes.set_ylabel("kHz")
    axes.grid(visible=False)
    axes.set_title(title, fontsize=11, pad=5)


def _decibels(samples: Samples) -> NDArray[np.float64]:
    """Power of 20 ms steps and 62 Hz, shape (bins, steps), in dB."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, _FFT)[::_HOP] * np.hanning(_FFT)
    power = np.square(np.abs(np.fft.rfft(windows, axis=1)) / (_FFT / 4))
    steps, bins = (size // _BINS for size in power.shape)
    dots = power[: steps * _BINS, : bins * _BINS].reshape(steps, _BINS, bins, _BINS).mean(axis=(1, 3))
    levels: NDArray[np.float64] = 10.0 * np.log10(dots.T + 1e-12)
    return levels


def _with_gaps(finding: Finding) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The curve of a finding, with a number that is none wherever Moshi made a pause."""
    seconds, decibels = (np.asarray(each, np.float64) for each in finding.curve)
    pauses = np.flatnonzero(np.diff(seconds) > _GAP_S) + 1
    return np.insert(seconds, pauses, np.nan), np.insert(decibels, pauses, np.nan)


def _short(scene: str) -> str:
    room, _, rest = scene.partition(":")
    return f"{room},{rest.rpartition(',')[2]}"


def _saved(figure: "Figure", path: Path, dpi: float | None = None) -> Path:
    figure.savefig(path, dpi=dpi or "figure")
    shrink(path)
    return path
