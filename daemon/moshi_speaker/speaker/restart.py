"""A restart on request: the process replaces itself, so that nobody has to start it again.

That works under systemd and launchd, whose process it stays, and in a terminal. How often it happened is
handed on in the environment, since nothing else survives.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from moshi_speaker.errors import BadCommand, SpeakerError

VARIABLE = "MOSHI_SPEAKER_RESTARTS"
"""Environment variable with the times of the latest restarts, in seconds of the machine's monotonic clock."""
MAX_RESTARTS = 5
"""Restarts within ``WINDOW_S``; a client that asks for more is stuck."""
WINDOW_S = 600.0

log = logging.getLogger(__name__)


class Restarts:
    """Those of the past; allows one more, or refuses."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float]) -> None:
        """``clock`` is one that goes on over a restart, in seconds."""
        self._times = past(environ)
        self._clock = clock

    def ask(self) -> None:
        """May it be? Raises BadCommand if there were too many."""
        now = self._clock()
        recent = [at for at in self._times if now - WINDOW_S < at <= now]
        if len(recent) >= MAX_RESTARTS:
            wait_s = recent[-MAX_RESTARTS] + WINDOW_S - now
            raise BadCommand(
                f"the speaker was restarted {len(recent)} times within {WINDOW_S / 60:g} minutes",
                remedy=f"ask again in {wait_s:.0f} s",
            )


def past(environ: Mapping[str, str]) -> list[float]:
    """When there were restarts, the oldest first; what makes no sense is nothing."""
    try:
        return sorted(float(text) for text in environ.get(VARIABLE, "").split())
    except ValueError:
        return []


def replace_process(now: float) -> None:
    """Become a fresh speaker, with the same interpreter, arguments, environment and process id.

    Everything must be closed; ``now`` is the time by the clock of ``Restarts``. Comes back only by raising
    SpeakerError.
    """
    times = [*past(os.environ), now][-MAX_RESTARTS:]
    environ = os.environ | {VARIABLE: " ".join(f"{at:.1f}" for at in times)}
    log.info("starting again")
    _keep_stderr()
    try:
        # Not by the first argument: it may be a bare name, which means another file elsewhere.
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environ)
    except OSError as error:
        raise SpeakerError(
            f"cannot start again: {error.strerror}", where=sys.executable, remedy="start the speaker by hand"
        ) from error


def _keep_stderr() -> None:
    """Where a sound library hangs that has turned descriptor 2 off, nothing would be heard of us any more."""
    with suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.flush()
            os.dup2(sys.stderr.fileno(), 2)
