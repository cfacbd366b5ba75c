"""One speaker for a folder of state: two would undo each other's mute."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moshi_speaker.errors import MissingPartError

FILE = "lock"


@contextmanager
def sole_user(folder: Path) -> Iterator[None]:
    """Keep other speakers out of the folder; the system lets it go when the process ends, however it ends.

    Raises MissingPartError if one is there. A folder that cannot be written keeps nobody out.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / FILE, "ab", opener=_at_once)  # noqa: SIM115
    except OSError:
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MissingPartError(
                "another speaker uses this folder",
                where=str(folder),
                remedy="stop that one, or give this one another speaker.state_dir",
            ) from None
        except OSError:  # some network file systems know no locks
            pass
        yield


def _at_once(path: str, flags: int) -> int:
    """Open it without waiting, even if it is a FIFO from which nobody reads."""
    return os.open(path, flags | os.O_NONBLOCK, 0o600)
