"""How punctual this machine is just now: a process that does nothing but wake up fifty times a second.

What has to be in time cannot be judged on a machine that lets even this one wait.
"""

import subprocess
import sys
import threading
import time
from types import TracebackType

PERIOD_S = 0.02
QUIET_S = 0.015
"""Seconds that it may be late on a machine that has time for what it runs."""


class Metronome:
    """Runs as long as it is entered."""

    def __enter__(self) -> "Metronome":
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=10.0)

    @property
    def worst_s(self) -> float:
        """The longest that it was late so far, in seconds."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("how late?\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    @property
    def machine_is_quiet(self) -> bool:
        """It was never late so far."""
        return self.worst_s < QUIET_S


def main() -> None:
    """Wake up, and answer each line with the worst lateness so far, until there are no more."""
    worst_s = 0.0

    def answer() -> None:
        for _ in sys.stdin:
            sys.stdout.write(f"{worst_s}\n")
            sys.stdout.flush()

    answering = threading.Thread(target=answer)
    answering.start()
    while answering.is_alive():
        before = time.monotonic()
        time.sleep(PERIOD_S)
        worst_s = max(worst_s, time.monotonic() - before - PERIOD_S)


if __name__ == "__main__":
    main()
