"""What the commands print: results to stdout, complaints to stderr; plain text where that is no terminal."""

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console

from moshi_speaker.errors import SpeakerError

if TYPE_CHECKING:
    from rich.table import Table


class OutputError(SpeakerError):
    """What we print cannot be written."""


class NobodyReads(OutputError):
    """Who read what we print has gone, as in ``… | head``."""

    exit_code = 141
    """128 + SIGPIPE, as shells have it."""


def say(text: str) -> None:
    """Print a result as it is. Raises OutputError."""
    try:
        _console(stderr=False).print(text)
    except OSError as error:
        raise unprintable(error) from error


def show(table: "Table") -> None:
    """Print a table. Raises OutputError."""
    try:
        _console(stderr=False).print(table)
    except OSError as error:
        raise unprintable(error) from error


def complain(*lines: str) -> None:
    """Print each as one line to stderr; when even that is not possible, there is nobody to tell."""
    console = _console(stderr=True)
    with suppress(OSError):
        for line in lines:
            console.print("moshi-speaker: " + " ".join(line.splitlines()))


def separate_stderr() -> None:
    """Print from now on beside descriptor 2, through a copy of it.

    C libraries write to 2 what they like, and the sound device turns it off while PortAudio opens: what
    another thread logs meanwhile must not be lost with that.
    """
    if sys.stderr is not None:  # None when it was closed at the start
        encoding, errors = sys.stderr.encoding, sys.stderr.errors
        own = os.dup(sys.stderr.fileno())
        sys.stderr = os.fdopen(own, "w", 1, encoding=encoding, errors=errors, closefd=False)


def print_anything() -> None:
    """Let characters that the screen's encoding lacks be printed as question marks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def stdout_works() -> bool:
    """Whether anything can be printed; a new line tells."""
    try:
        if sys.stdout is not None:
            print(flush=True)
    except OSError:
        return False
    return True


def unprintable(error: OSError) -> OutputError:
    """The failure for an error of stdout; nothing more is written there."""
    # Python would try, and complain, once more at its end.
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    if isinstance(error, BrokenPipeError):
        return NobodyReads("nobody reads what is printed")
    return OutputError(error.strerror or str(error), where="standard output", remedy="print to another place")


def _console(*, stderr: bool) -> Console:
    """Made anew each time, since tests and service managers change the streams."""
    file = sys.stderr if stderr else sys.stdout
    return _Console(file=file, soft_wrap=True, markup=False, emoji=False, highlight=False)


class _Console(Console):
    """One that leaves the process alone when its reader has gone."""

    def on_broken_pipe(self) -> None:
        """Called while the error is being handled."""
        raise BrokenPipeError
