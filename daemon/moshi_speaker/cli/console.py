"""What the commands print: results to stdout, complaints to stderr; plain text where that is no terminal."""

import sys

from rich.console import Console


def say(text: str) -> None:
    """Print a result as it is."""
    _console(stderr=False).print(text)


def complain(*lines: str) -> None:
    """Print each as one line to stderr."""
    console = _console(stderr=True)
    for line in lines:
        console.print("moshi-speaker: " + " ".join(line.splitlines()))


def _console(*, stderr: bool) -> Console:
    """Made anew each time, since tests and service managers change the streams."""
    file = sys.stderr if stderr else sys.stdout
    return Console(file=file, soft_wrap=True, markup=False, emoji=False, highlight=False)
