"""The picture that comes from a calculation; those of measurements are drawn by ``moshi-speaker bench``."""

from pathlib import Path

import matplotlib
from PIL import Image

from moshi_speaker.bench.canvas import BLUE, GREEN, ORANGE, RED, STYLE, canvas, legend, real_time
from tests.bench.peers import apple

PLACES = (-0.25, 0.0, 0.25)
COLOURS = (BLUE, GREEN, ORANGE)


def apple_frames(path: Path) -> Path:
    """Frames of Moshi 7B by chip and precision, from the first of a talk to those with a full window."""
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(5.0)
        for place, colour, (name, bits) in zip(PLACES, COLOURS, apple.PRECISIONS.items(), strict=True):
            found = [apple.estimate(chip, bits) for chip in apple.CHIPS]
            axes.hlines(
                [row + place for row in range(len(found))],
                [each.first_ms for each in found],
                [each.later_ms for each in found],
                color=colour,
                linewidth=4,
                label=name,
            )
        real_time(axes)
        axes.axvspan(apple.BOUND * apple.FRAME_MS, 400, color=RED, alpha=0.06, linewidth=0)
        axes.set_yticks(range(len(apple.CHIPS)), [chip.name for chip in apple.CHIPS])
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.set_xlim(8, 400)
        axes.set_xticks((10, 20, 40, 64, 160, 320), ("10", "20", "40", "64", "160", "320"))
        axes.minorticks_off()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("milliseconds a frame, from an empty to a full window")
        axes.set_title("A calculation: Moshi 7B on Apple chips, bound by reading")
        legend(figure, axes, columns=4)
        figure.savefig(path)
    return path


def shrink(path: Path) -> None:
    """Keep 64 colours of a picture, which halves its file."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(64)
    small.save(path, optimize=True)
