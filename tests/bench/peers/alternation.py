"""Children that take turns in one session, so that all of them meet the same machine."""

import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.errors import UsageError
from tests.bench.peers.contestants import ROOT, Entry

WARMUP_FRAMES = 3
"""Before each batch: the process slept while the others worked."""


@dataclass(frozen=True, slots=True)
class Batches:
    """Times of one part of the work of one contestant."""

    part: str
    who: str
    rounds_ms: list[list[float]] = field(default_factory=list)
    """Milliseconds of each frame, round by round."""

    @property
    def times_ms(self) -> list[float]:
        """The median of each round."""
        return [median(batch) for batch in self.rounds_ms]


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

    def check(self, frames: int, into: Path) -> None:
        """Let it write what a fresh stream yields."""
        self._ask({"check": frames, "into": str(into)})

    def batch(self, way: str, seconds: float, frames: int) -> dict[str, list[float]]:
        """Milliseconds of each frame by part, for at least so long and so many frames."""
        request = {"way": way, "seconds": seconds, "frames": frames, "warmup": WARMUP_FRAMES}
        times: dict[str, list[float]] = self._ask(request)["times_ms"]
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
class Plan:
    """How much is done."""

    rounds: int
    seconds: float
    """Least length of a batch."""
    frames: int
    """Least number of frames in a batch."""
    check_frames: int
    """Frames whose results are compared before the clock runs."""


@dataclass(frozen=True, slots=True)
class Session:
    """What came of it."""

    batches: dict[tuple[str, str, str], Batches]
    """By contestant, way and part."""
    results: dict[str, dict[str, NDArray[Any]]]
    """Of the check, by contestant."""


def alternate(entries: Sequence[Entry], weights: Path, given: Path, plan: Plan) -> Session:
    """Start all, compare what they compute, then let each work for a batch a round."""
    batches: dict[tuple[str, str, str], Batches] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        children = [
            stack.enter_context(Child(entry, weights, given, stack.enter_context(TemporaryFile())))
            for entry in entries
        ]
        results = {child.entry.who: _checked(child, plan.check_frames, folder) for child in children}
        for _ in range(plan.rounds):
            for child in children:
                for way in child.entry.ways:
                    for part, times in child.batch(way, plan.seconds, plan.frames).items():
                        key = (child.entry.who, way, part)
                        batches.setdefault(key, Batches(part, child.entry.who)).rounds_ms.append(times)
    return Session(batches, results)


def _checked(child: Child, frames: int, folder: Path) -> dict[str, NDArray[Any]]:
    path = folder / "result.npz"
    child.ready()
    child.check(frames, path)
    with np.load(path) as arrays:
        return dict(arrays)
