"""The pictures of ``docs/audio.md``: echo over time, the talker's intelligibility, and a talk to look at."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.bench.canvas import BLUE, GREEN, GREY, INK, ORANGE, RED, STYLE, WIDTH, canvas
from tests.bench.echo.contestants import NOTHING, OURS, SPEEX, WEBRTC
from tests.bench.echo.findings import Finding
from tests.bench.echo.suite import ALONE, BOTH
from tests.bench.peers.pictures import shrink
from tests.room.cancelling import clean, ours
from tests.room.scenes import DOUBLE_TALK_S, ROOMS, double_talk, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {NOTHING: GREY, WEBRTC: ORANGE, SPEEX: BLUE, OURS: GREEN}
ROOM_COLOURS = dict(zip(ROOMS, ("#a6d8f0", "#56b4e9", BLUE, "#00486f", INK), strict=True))
"""From dead to live, from bright to dark."""
SHOWN = "living room", 6.0
"""Room and decibels of the talk that is shown."""
SECONDS = (3.0, 13.0)
"""Of it."""
_FFT, _HOP = 768, 240
_FLOOR_DB = -95.0


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
            axes.plot(*each.curve, color=ROOM_COLOURS[room], linewidth=2, label=f"{room}, T60 {t60} s")
    axes.axhline(20, color=RED, linewidth=1.2, linestyle=(0, (5, 2)))
    axes.text(15.0, 20.6, "wanted after 3 s", color=RED, fontsize=9, ha="right")
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
    rows[0].annotate(
        "from here on both talk",
        xy=(DOUBLE_TALK_S - SECONDS[0], 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(4, 3),
        textcoords="offset points",
        fontsize=9,
        color=RED,
    )
    rows[-1].set_xlabel("seconds")
    return _saved(figure, path)


def _spectrogram(axes: "Axes", samples: Samples, title: str) -> None:
    begin, end = (round(each * SAMPLE_RATE) for each in SECONDS)
    axes.imshow(
        _decibels(samples[begin:end]),
        origin="lower",
        aspect="auto",
        extent=(0.0, SECONDS[1] - SECONDS[0], 0.0, SAMPLE_RATE / 2000.0),
        cmap="magma",
        vmin=_FLOOR_DB,
        vmax=-35.0,
        interpolation="nearest",
    )
    axes.axvline(DOUBLE_TALK_S - SECONDS[0], color=RED, linewidth=1.2, linestyle=(0, (5, 2)))
    axes.set_ylim(0.0, 8.0)
    axes.set_ylabel("kHz")
    axes.grid(visible=False)
    axes.set_title(title, fontsize=11, pad=5)


def _decibels(samples: Samples) -> NDArray[np.float64]:
    """Power of 10 ms steps, shape (bins, steps), in dB."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, _FFT)[::_HOP] * np.hanning(_FFT)
    spectrum = np.abs(np.fft.rfft(windows, axis=1)) / (_FFT / 4)
    levels: NDArray[np.float64] = 20.0 * np.log10(spectrum.T + 1e-9)
    return levels


def _short(scene: str) -> str:
    room, _, rest = scene.partition(":")
    return f"{room},{rest.rpartition(',')[2]}"


def _saved(figure: object, path: Path) -> Path:
    figure.savefig(path)  # type: ignore[attr-defined]
    shrink(path)
    return path
