"""Command line only: flags become settings, settings a call, errors one line and an exit code."""

import logging
import os
from collections.abc import Sequence

import typer

from moshi_speaker.cli.app import PROGRAM, app
from moshi_speaker.cli.console import NobodyReads, complain, print_anything, stdout_works, unprintable
from moshi_speaker.errors import ConfigError, SpeakerError

logger = logging.getLogger(__name__)

INTERRUPTED = 130
"""Exit code after Ctrl-C in a command that had more to do: 128 + SIGINT, as shells have it."""

UNDER_LAUNCHD = "MOSHI_SPEAKER_UNDER_LAUNCHD"
"""Environment variable that our launchd agent sets."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. ``args`` are those of the process unless given."""
    print_anything()
    try:
        code = app(args, prog_name=PROGRAM, standalone_mode=False)
    except NobodyReads as error:
        return error.exit_code
    except SpeakerError as error:
        complain(str(error), *getattr(error, "__notes__", []))
        return _exit_code(error)
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


def _exit_code(error: SpeakerError) -> int:
    """That of the error; under launchd, which starts again whatever fails, 0 where that would not help."""
    hopeless = error.exit_code == ConfigError.exit_code
    return 0 if hopeless and os.environ.get(UNDER_LAUNCHD) else error.exit_code
