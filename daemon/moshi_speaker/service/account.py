"""Whose service it is, and which Python it runs."""

import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Account:
    """A user and the interpreter that has moshi_speaker installed."""

    user: str
    """Login name."""
    uid: int
    """Number of the user."""
    home: Path
    """Home folder, absolute."""
    python: Path
    """The interpreter, absolute; that of the virtual environment, not what it links to."""

    @classmethod
    def current(cls) -> "Account":
        """The user and the interpreter of this process."""
        uid = os.getuid()
        try:
            user = pwd.getpwuid(uid).pw_name
        except KeyError:
            user = str(uid)
        return cls(user, uid, Path.home(), Path(sys.executable).absolute())

    def command(self, config: Path | None) -> list[str]:
        """What the service runs: absolute paths, no shell."""
        run = [str(self.python), "-m", "moshi_speaker", "run"]
        return run if config is None else [*run, "--config", str(config)]
