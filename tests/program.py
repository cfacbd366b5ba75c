"""The speaker's command line as a process of its own, started and watched as its user would."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

import moshi_speaker

PATIENCE_S = 60.0
"""Seconds to wait for any one thing; a slow machine needs a fraction of it."""
_MARK = "MOSHI_SPEAKER_TEST"
_NOT_INHERITED = ("HF_", "PULSE_", "ALSA_", "DBUS_", "JOURNAL_", "INVOCATION_", "XDG_", "PYTHONWARNINGS")


class Lines:
    """What a process writes to a stream, line by line as it comes."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    @property
    def text(self) -> str:
        """Everything so far."""
        return "".join(self._lines)

    def expect(self, pattern: str, *, within_s: float = PATIENCE_S) -> str:
        """Wait for a line that matches; one that came before counts too."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._find(pattern) or self._ended, within_s)
            line = self._find(pattern)
        assert found and line is not None, f"no line matches {pattern!r}:\n{self.text}"
        return line

    def join(self) -> None:
        """Wait for the end of the stream."""
        self._thread.join()
        self._stream.close()

    def _find(self, pattern: str) -> str | None:
        return next((line for line in self._lines if re.search(pattern, line)), None)

    def _read(self) -> None:
        for line in self._stream:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class Program:
    """``moshi-speaker`` with some arguments; a context manager, which leaves no process behind."""

    def __init__(
        self, *arguments: str | Path, home: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """``home`` is the home folder it gets; ``environment`` is added to ours."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
        self._mark = f"{_MARK}={uuid.uuid4().hex}"
        own = {"PYTHONPATH": str(Path(moshi_speaker.__file__).parents[1]), "HOME": str(home)}
        own |= dict([self._mark.split("=")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moshi_speaker", *map(str, arguments)],
            env=inherited | own | dict(environment or {}),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdout = Lines(self._process.stdout)
        self.stderr = Lines(self._process.stderr)

    @property
    def pid(self) -> int:
        """Process id of the speaker itself."""
        return self._process.pid

    @property
    def engine(self) -> int:
        """Process id of its engine."""
        found = [
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if b"moshi_speaker.engine.worker" in _read(folder / "cmdline") and self._parent(folder)
        ]
        assert len(found) == 1, f"one engine was expected, not {found}"
        return found[0]

    @property
    def family(self) -> list[int]:
        """Every process that it started and that lives, itself included. Linux only."""
        mark = self._mark.encode()
        folders = Path("/proc").glob("[0-9]*")
        return [int(folder.name) for folder in folders if mark in _read(folder / "environ")]

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to its process group, as a terminal does."""
        os.killpg(self._process.pid, number)

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Wait for its end and for all that it wrote; the exit code."""
        code = self._process.wait(patience_s)
        self.stdout.join()
        self.stderr.join()
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal and wait for the end: the exit code, and the seconds it took."""
        began = time.monotonic()
        self.send_signal(number)
        code = self._process.wait(PATIENCE_S)
        took = time.monotonic() - began
        return self.wait() if code == 0 else code, took

    def __enter__(self) -> "Program":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.wait()

    def _parent(self, folder: Path) -> bool:
        return f"\nPPid:\t{self._process.pid}\n".encode() in _read(folder / "status")


def _read(path: Path) -> bytes:
    """A file of a process that may end meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
