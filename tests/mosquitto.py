"""A real MQTT broker for tests: mosquitto, as the system has it."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PLACES = "/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin"
STOP_TRIES = 5
"""Signals, two seconds apart, after which it should have ended."""


class Mosquitto:
    """A broker on a free port of the loopback interface; the port stays over a restart."""

    def __init__(self, folder: Path, *lines: str) -> None:
        """``lines`` are added to the configuration; without any, everybody may do everything."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._log = folder / f"mosquitto-{self.port}.log"
        self._config = folder / f"mosquitto-{self.port}.conf"
        # As root, mosquitto would become another user, who may not read the files of a test.
        settings = ("user root", "persistence false", f"listener {self.port} 127.0.0.1")
        self._config.write_text("\n".join((*settings, *(lines or ("allow_anonymous true",)), "")))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it accepts connections."""
        program = shutil.which("mosquitto", path=_PLACES)
        assert program is not None, "mosquitto is missing; make test installs it"
        with self._log.open("ab") as log:
            process = subprocess.Popen([program, "-v", "-c", self._config], stdout=log, stderr=log)
        self._process = process
        while not self._listens():
            assert process.poll() is None, self.log

    def stop(self) -> None:
        """End it in order. What it retained is forgotten.

        It forgets a signal that comes while it is still about to start, so that it may need another one.
        """
        if self._process is None:
            return
        for _ in range(STOP_TRIES):
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
                return
        raise AssertionError(f"mosquitto does not end: {self.log}")

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it hang meanwhile: its connections stay open, but it answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        yield
        self._process.send_signal(signal.SIGCONT)

    @property
    def log(self) -> str:
        """What it logged so far."""
        return self._log.read_text()

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0
