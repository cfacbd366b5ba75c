"""``python -m tests.bench.echo``: how well echo is cancelled, by ours and by others, in simulated rooms.

Prints tables, writes ``echo.json`` and the pictures of ``docs/audio.md`` into a folder.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from moshi_speaker.audio.frames import Samples
from moshi_speaker.cli import INTERRUPTED
from moshi_speaker.errors import SpeakerError
from tests.bench.echo import findings
from tests.bench.echo.contestants import NOTHING, OURS, PEERS, outputs
from tests.bench.echo.findings import NO_ECHO, Finding
from tests.bench.echo.suite import ALONE, CHANGES, FIGURES, WAKE, Case, cases, without_echo
from tests.room.measures import erle_over_time
from tests.room.scenes import Sound, render

OUT = Path("bench-out")
NOTES = Console(stderr=True, soft_wrap=True, highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenes, print, write, draw; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.echo", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rooms instead of five")
    parser.add_argument("--only", metavar="SCENE", default="", help="only scenes with this in their name")
    parser.add_argument("--no-peers", action="store_true", help="leave WebRTC and Speex out")
    parser.add_argument("--no-pictures", action="store_true", help="draw nothing")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for echo.json and the pictures")
    options = parser.parse_args(arguments)
    chosen = [case for case in cases(quick=options.quick) if options.only in case.scene.name]
    if not chosen:
        parser.error(f"no scene has {options.only!r} in its name")
    who = [NOTHING, OURS] if options.no_peers else [NOTHING, *PEERS, OURS]
    found: list[Finding] = []
    try:
        for case in chosen:
            found.extend(measured(case, who))
    except KeyboardInterrupt:
        return INTERRUPTED
    options.out.mkdir(parents=True, exist_ok=True)
    findings.write(options.out / "echo.json", found)
    console = Console(width=None if sys.stdout.isatty() else 150)
    for table in findings.tables(found):
        console.print(table)
    if not options.no_pictures:
        from tests.bench.echo import pictures

        for path in pictures.draw(found, options.out):
            NOTES.print(f"drawn: {path}")
    return 0


def measured(case: Case, who: list[str]) -> Iterator[Finding]:
    """What everybody makes of a scene. Who fails is told once and left out from then on."""
    NOTES.print(case.scene.name)
    sound = render(case.scene)
    for each in tuple(who):
        try:
            (out,) = outputs(each, [sound])
        except SpeakerError as error:
            NOTES.print(f"left out: {error}")
            who.remove(each)
        else:
            curve = _curve(sound, out) if case.part in (ALONE, CHANGES) else ((), ())
            yield Finding(case.part, case.scene.name, each, FIGURES[case.part](sound, out), curve)
    if case.part == WAKE:
        best = render(without_echo(case.scene))
        yield Finding(case.part, case.scene.name, NO_ECHO, FIGURES[WAKE](best, best.mic))


def _curve(sound: Sound, out: Samples) -> tuple[list[float], list[float]]:
    seconds, decibels = erle_over_time(sound, out)
    known = ~np.isnan(decibels)
    return seconds[known].round(2).tolist(), decibels[known].round(1).tolist()


if __name__ == "__main__":
    sys.exit(main())
