"""Children that take turns in one session, so that all of them meet the same machine."""

import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.errors import UsageError
from tests.bench.peers.contestants import ROOT, Entry


class Child:
    """The process of one contestant."""

    def __init__(self, entry: Entry, weights: Path, given: Path, log: IO[bytes]) -> None:
        """Start it; ``ready`` waits. What it has to say besides answers goes to ``log``."""
        self.entry = entry
        self._log = log
        self._process = subprocess.Popen(
            entry.command(weights, given),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'daemon'}"} | entry.variables,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def ready(self) -> None:
        """Wait until its weights are loaded."""
        self._answer()

    def check(self, into: Path) -> None:
        """Let it write what a fresh stream yields."""
        self._ask({"check": self.entry.checked, "into": str(into)})

    def batch(self, way: str) -> dict[str, list[float]]:
        """Milliseconds of each frame of a batch, by part."""
        times: dict[str, list[float]] = self._ask(
            {"way": way, "frames": self.entry.frames, "warmup": self.entry.warmup}
        )["times_ms"]
        return times

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip().splitlines() or ["nothing"]
            raise UsageError(f"{self.entry.who} ended; it said last: {said[-1]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(frozen=True, slots=True)
class Session:
    """What came of it."""

    medians: dict[tuple[str, str], list[float]]
    """By part and contestant: of each round, the median frame in milliseconds."""
    results: dict[str, dict[str, NDArray[Any]]]
    """Of the check, by contestant."""


def alternate(entries: Sequence[Entry], weights: Path, given: Path, rounds: int, *, check: bool) -> Session:
    """Start all, let each work for a batch a round, and ask what they compute if ``check``."""
    medians: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as stack:
        children = [
            stack.enter_context(Child(entry, weights, given, stack.enter_context(TemporaryFile())))
            for entry in entries
        ]
        for child in children:
            child.ready()
        results = {child.entry.who: _results(child) for child in children} if check else {}
        for _ in range(rounds):
            for child in children:
                for way in child.entry.ways:
                    for part, times in child.batch(way).items():
                        medians.setdefault((part, child.entry.who), []).append(median(times))
    return Session(medians, results)


def _results(child: Child) -> dict[str, NDArray[Any]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "results.npz"
        child.check(path)
        with np.load(path) as arrays:
            return dict(arrays)
