"""Command line only: flags become settings, settings a call, errors one line and an exit code."""

import logging
from collections.abc import Sequence

import typer

from moshi_speaker.cli.app import PROGRAM, app
from moshi_speaker.cli.console import NobodyReads, complain, print_anything, stdout_works, unprintable
from moshi_speaker.errors import SpeakerError

logger = logging.getLogger(__name__)

INTERRUPTED = 130
"""Exit code after Ctrl-C in a command that had more to do: 128 + SIGINT, as shells have it."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. ``args`` are those of the process unless given."""
    print_anything()
    try:
        code = app(args, prog_name=PROGRAM, standalone_mode=False)
    except NobodyReads as error:
        return error.exit_code
    except SpeakerError as error:
        complain(str(error), *getattr(error, "__notes__", []))
        return error.exit_code
    except typer.TyperException as error:
        if message := error.format_message():  # empty where the help was printed instead
            complain(f"{message} (see {PROGRAM} --help)")
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and not stdout_works():  # in printing a help
            complain(str(unprintable(error)))
            return 1
        logger.exception("a mistake in moshi-speaker itself; please report it")
        return 1
    return code if isinstance(code, int) else 0
