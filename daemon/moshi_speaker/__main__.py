"""The way in: ``moshi-speaker`` and ``python -m moshi_speaker``."""

import sys

INTERRUPTED = 130
"""Exit code after Ctrl-C while the program still loads: 128 + SIGINT, as shells have it."""


def main() -> int:
    """Run the command line; the exit code."""
    try:
        # Not in the engine's process, which imports this module.
        from moshi_speaker.cli import main as command_line
        from moshi_speaker.cli.console import separate_stderr

        separate_stderr()
        return command_line()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
