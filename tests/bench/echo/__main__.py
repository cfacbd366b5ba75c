"""``python -m tests.bench.echo``: how well echo is cancelled, by ours and by others, in simulated rooms.

Prints tables, writes ``echo.json`` and the pictures of ``docs/audio.md`` into a folder.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from moshi_speaker.audio.frames import Samples
from moshi_speaker.cli import INTERRUPTED
from moshi_speaker.errors import SpeakerError
from tests.bench.echo import findings
from tests.bench.echo.contestants import NOTHING, OURS, PEERS, outputs, stream
from tests.bench.echo.findings import NO_ECHO, Finding
from tests.bench.echo.suite import FIGURES, REDUCTION, SELF, WAKE, Case, cases, without_echo
from tests.room import measures, scenes
from tests.room.scenes import Sound, render

OUT = Path("bench-out")
LONG_ROOM = "living room"
LONG_TALK = f"{LONG_ROOM}: minutes of Moshi, with near misses"
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
    if not chosen and options.only not in LONG_TALK:
        parser.error(f"no scene has {options.only!r} in its name")
    who = [NOTHING, OURS] if options.no_peers else [NOTHING, *PEERS, OURS]
    found: list[Finding] = []
    try:
        for case in chosen:
            found.extend(measured(case, who))
        if options.only in LONG_TALK:
            found.extend(long_talk(LONG_ROOM, 2 if options.quick else 10))
    except KeyboardInterrupt:
        return INTERRUPTED
    except SpeakerError as error:
        NOTES.print(f"{parser.prog}: {error}")
        return error.exit_code
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
    if case.after is not None:
        yield _found(case, OURS, sound, case.after(render(case.before), sound).pcm)
        return
    for each in tuple(who):
        try:
            (out,) = outputs(each, [sound])
        except SpeakerError as error:
            NOTES.print(f"left out: {error}")
            who.remove(each)
        else:
            yield _found(case, each, sound, out)
    if case.part == WAKE:
        best = render(without_echo(case.scene))
        yield _found(case, NO_ECHO, best, best.mic)


def long_talk(room: str, minutes: int) -> Iterator[Finding]:
    """Does the speaker hear itself, while Moshi talks on and on?"""
    name = f"{room}: {minutes} minutes of Moshi, with near misses"
    NOTES.print(name)
    for who in (NOTHING, OURS):
        heard = stream(who, scenes.long_talk(room, minutes))
        speech = sum(end - begin for begin, end in measures.heard_speech(heard))
        yield Finding(SELF, name, who, {"wakes": float(len(measures.wakes(heard.pcm))), "speech": speech})


def _found(case: Case, who: str, sound: Sound, out: Samples) -> Finding:
    curve = _curve(sound, out) if case.part in REDUCTION else ((), ())
    return Finding(case.part, case.scene.name, who, FIGURES[case.part](sound, out), curve)


def _curve(sound: Sound, out: Samples) -> tuple[list[float], list[float]]:
    seconds, decibels = measures.erle_over_time(sound, out)
    return seconds.round(2).tolist(), decibels.round(1).tolist()


if __name__ == "__main__":
    sys.exit(main())
