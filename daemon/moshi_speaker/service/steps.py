"""What an installation does to the machine, step by step; in a dry run it is only told."""

import os
import shlex
import subprocess
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from moshi_speaker.errors import SpeakerError

COMMAND_TIMEOUT_S = 60.0
"""Seconds that a command of a service manager may take."""
NOT_FOUND = 127
"""Exit status of a command that is not there, as in a shell."""
TIMED_OUT = 124
"""Exit status of a command that took too long, as of timeout(1)."""

Say = Callable[[str], None]
"""Takes one piece of text for the user."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    status: int
    """Exit status."""
    output: str
    """What it wrote to stdout, then to stderr."""


class Runner(Protocol):
    """Runs a command to its end."""

    def __call__(self, *command: str) -> Result:
        """Run it, without a shell."""


def run_command(*command: str) -> Result:
    """Run a command and wait for it, at most a minute."""
    # The properties we read must not be translated.
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=COMMAND_TIMEOUT_S, check=False
        )
    except FileNotFoundError:
        return Result(NOT_FOUND, f"{command[0]}: not found")
    except subprocess.TimeoutExpired:
        return Result(TIMED_OUT, f"{command[0]}: no answer in {COMMAND_TIMEOUT_S:.0f} s")
    return Result(done.returncode, done.stdout + done.stderr)


class Steps:
    """Writes, removes and runs, or says what it would write, remove and run."""

    def __init__(self, runner: Runner, say: Say, dry_run: bool = False) -> None:
        """``runner`` runs the commands; in a dry run nothing at all is changed or run."""
        self._runner = runner
        self.say = say
        self.dry_run = dry_run

    def write(self, path: Path, content: bytes) -> None:
        """Put a file there, readable by all, whole or not at all. Raises SpeakerError."""
        if self.dry_run:
            self.say(f"would write {path}:\n{content.decode()}")
            return
        fresh = path.with_name(f"{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(content)
            fresh.chmod(0o644)
            fresh.replace(path)
        except OSError as error:
            raise SpeakerError(f"cannot be written ({error.strerror})", where=str(path)) from error
        self.say(f"wrote {path}")

    def make_folder(self, path: Path) -> None:
        """Make a folder, with those above it, unless it is there. Raises SpeakerError."""
        if self.dry_run:
            self.say(f"would make {path}")
            return
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SpeakerError(f"cannot be made ({error.strerror})", where=str(path)) from error

    def remove(self, path: Path) -> None:
        """Take a file away. Raises SpeakerError."""
        if self.dry_run:
            self.say(f"would remove {path}")
            return
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SpeakerError(f"cannot be removed ({error.strerror})", where=str(path)) from error
        self.say(f"removed {path}")

    def run(self, *command: str, accept: Collection[int] = (0,)) -> None:
        """Run a command that has to end well. Raises SpeakerError with what it complains of."""
        if self.dry_run:
            self.say(f"would run {shlex.join(command)}")
            return
        result = self._runner(*command)
        if result.status not in accept:
            reason = " ".join(result.output.split()) or f"exit status {result.status}"
            raise SpeakerError(f"{shlex.join(command)} failed: {reason}")

    def ask(self, *command: str) -> Result:
        """Run a command that changes nothing; in a dry run as well."""
        return self._runner(*command)
