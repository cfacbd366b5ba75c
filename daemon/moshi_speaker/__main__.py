"""The way in: ``moshi-speaker`` and ``python -m moshi_speaker``."""

import sys


def main() -> int:
    """Run the command line; the exit code."""
    from moshi_speaker.cli import (
        main as command_line,
    )  # not in the engine's process, which imports this module

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
