"""``moshi-speaker bench``: how fast this machine is, as a table, JSON and pictures."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated

import typer

from moshi_speaker.cli import logs
from moshi_speaker.cli.console import complain, say, show
from moshi_speaker.cli.options import ModelOption
from moshi_speaker.cli.stopping import interruptible
from moshi_speaker.errors import MissingPartError, UsageError

if TYPE_CHECKING:
    from moshi_speaker.bench.report import Report

PARTS = "codec,lm,frame,wake,idle,session"


def bench(
    model: ModelOption = None,
    parts: Annotated[
        str, typer.Option("--parts", metavar="A,B,…", help="What to measure, of those shown, or none.")
    ] = PARTS,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Runs of each part of a frame.")] = 100,
    long: Annotated[
        int, typer.Option("--long", metavar="STEPS", min=1, help="Steps of the long session.")
    ] = 4_000,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            file_okay=False,
            help="Where JSON and pictures go; without it bench-out/ and the date.",
        ),
    ] = None,
    peers: Annotated[
        Path | None,
        typer.Option("--peers", metavar="FILE", help="Times of other programs, to be shown beside ours."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON instead of the table.")] = False,
) -> None:
    """Measure codec, language model, whole frame, wake word, idling and a long session on this machine.

    Without --model the models are small and of random weights, and the codec is of full size. Ctrl-C ends it
    with the parts that are done.
    """
    logs.set_up("warning")
    from moshi_speaker.bench.machine import prepare

    prepare(os.environ)
    from moshi_speaker.bench import run

    now = datetime.now().astimezone()
    options = run.Options(parts=run.parse_parts(parts), model=model, frames=frames, steps=long, peers=peers)
    place = out or Path("bench-out") / f"{now:%Y-%m-%d-%H%M%S}"
    with interruptible(), _folder(place) as folder:
        report = run.run(
            options, taken_at=now.isoformat(timespec="seconds"), clock=time.perf_counter, say=complain
        )
        written = _write(report, folder)
    if as_json:
        say(report.to_json())
    else:
        _print(report)
        say("written: " + ", ".join(map(str, written)))
    if report.missing:
        raise KeyboardInterrupt


def _print(report: "Report") -> None:
    from moshi_speaker.bench import table

    if report.times:
        show(table.times_table(report))
    if report.peers:
        show(table.peers_table(report))
    for line in table.remarks(report):
        say(line)


@contextmanager
def _folder(folder: Path) -> Iterator[Path]:
    """A folder that can be written, found out before minutes are spent; one made in vain goes again."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
        yield folder
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        with suppress(OSError):  # a folder with something in it stays, and those above it
            for place in made:
                place.rmdir()


def _write(report: "Report", folder: Path) -> list[Path]:
    """The JSON, and the pictures if they can be drawn."""
    from moshi_speaker.bench import plots

    written = [folder / "bench.json"]
    try:
        written[0].write_text(report.to_json() + "\n", encoding="utf-8")
        return written + plots.draw(report, folder)
    except MissingPartError as error:
        complain(str(error))
        return written
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> UsageError:
    what = f"cannot be written: {error.strerror}"
    return UsageError(what, where=str(error.filename or folder), remedy="name another folder with --out")
