"""Scripted speakers as child processes, which can be killed, frozen and started again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

import moshi_speaker
from tests.program import Lines

PATIENCE_S = 30.0
"""Seconds to wait for any one thing; a slow machine needs a fraction of it."""
SHORTER: Mapping[str, float] = {
    "moshi_speaker.home.link:FIRST_DELAY_S": 0.1,
    "moshi_speaker.home.link:LONGEST_DELAY_S": 0.5,
    "moshi_speaker.home.link:CONTESTED_DELAY_S": 1.0,
    "moshi_speaker.home.link:LONGEST_CONTESTED_DELAY_S": 1.5,
    "moshi_speaker.home.lives:STABLE_S": 1.0,
    "moshi_speaker.home.lives:UNCONTESTED_S": 3.2,
    "moshi_speaker.home.greeting:BIRTH_S": 0.5,
    "moshi_speaker.home.repeats:JITTER_S": 0.1,
    "moshi_speaker.home.repeats:REST_S": 0.2,
    "moshi_speaker.home.rival:GONE_S": 3.2,
    "moshi_speaker.speaker.vitals:PERIOD_S": 1.0,
}
"""Times of the speaker that a test cannot wait for, in seconds."""
ENDLESS_S = 3_600.0
MAX_TOLD = 2_000
"""Characters of each of its streams that a failure shows."""


class Daemon:
    """One speaker with a folder of its own, over as many lives as the test wants.

    A context manager, at whose end it lives no more.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        name: str = "kitchen",
        *,
        state: str | None = None,
        sections: dict[str, dict[str, Any]] | None = None,
        removed: Sequence[tuple[str, str]] = (),
        shorter: Mapping[str, float] | None = None,
    ) -> None:
        """``state`` is the folder of its state, below ``folder``, if not its name.

        ``sections`` add to its configuration. ``removed`` are entities that it no longer has. ``shorter`` are
        more times that a test cannot wait for.
        """
        self.name = name
        self.state_dir = folder / (state or name)
        self._folder = folder
        self._config = folder / f"{state or name}.yaml"
        self._config.write_text(yaml.safe_dump(self._settings(port, sections or {})))
        self._house = {"set": dict(SHORTER) | dict(shorter or {}), "removed": list(removed)}
        self._process: subprocess.Popen[str] | None = None
        self._streams: list[Lines] = []
        self._told = 0

    def entity(self, platform: str, key: str) -> str:
        """The id of one of its entities in Home Assistant."""
        return f"{platform}.moshi_speaker_{self.name}_{key}"

    def start(self) -> None:
        """Begin another life; returns at once."""
        environment = {**os.environ, "HOME": str(self._folder), "HOUSE": json.dumps(self._house)}
        environment["PYTHONPATH"] = os.pathsep.join(map(str, _roots()))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.house.daemon", "run", "--config", self._config],
            env=environment,
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self._told = process, 0
        self.stdout, self.stderr = Lines(process.stdout), Lines(process.stderr)
        self._streams += [self.stdout, self.stderr]

    def tell(self, line: str) -> None:
        """Let something happen; returns as soon as the speaker is ready for it."""
        self.stdout.expect("^ready$", within_s=PATIENCE_S)
        assert self._process is not None
        assert self._process.stdin is not None
        self._told += 1
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def do(self, line: str) -> None:
        """Let something happen, and wait until it has."""
        self.tell(line)
        self.stdout.expect(f"^done {self._told}$", within_s=PATIENCE_S)

    def kill(self) -> None:
        """End it as a power cut does. May be called twice."""
        if self._process is None:
            return
        self._process.kill()
        self._ended()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        return self._ended()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it stand still meanwhile."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for stream in self._streams:  # pytest shows it if the test failed
            sys.stderr.write(stream.text[-MAX_TOLD:])

    def _ended(self) -> int:
        process, self._process = self._process, None
        assert process is not None
        code = process.wait(PATIENCE_S)
        assert process.stdin is not None
        process.stdin.close()
        self.stdout.join()
        self.stderr.join()
        return code

    def _settings(self, port: int, sections: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        quick: dict[str, dict[str, Any]] = {
            "speaker": {"id": self.name, "name": self.name.title(), "state_dir": str(self.state_dir)},
            "audio": {"earcons": False, "zero_input_s": 0.0},
            "echo": {"enabled": False},
            "conversation": {"end_silence_s": ENDLESS_S, "no_speech_s": ENDLESS_S},
            "mqtt": {"host": "127.0.0.1", "port": port},
        }
        return {title: {**quick.get(title, {}), **sections.get(title, {})} for title in {**quick, **sections}}


def _roots() -> list[Path]:
    """Where our packages are."""
    return [Path(moshi_speaker.__file__).parents[1], Path(__file__).parents[2]]
