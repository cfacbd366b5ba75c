"""The child's side of a comparison: one contestant, asked for so many frames at a time.

Requests and answers are lines of JSON on stdin and stdout. Runs in the environments of others, so it
needs nothing but numpy.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Any, Protocol
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
Times = dict[str, float]
"""Seconds by part of a frame."""


class Contestant(Protocol):
    """Something that works on one frame after the other."""

    def frames(self, way: str) -> Iterator[Times]:
        """Endlessly do the next frame, in one of the ways it knows."""

    def check(self, frames: int) -> Arrays:
        """What a fresh stream yields for its first frames, to be held against the others."""


def serve(make: Callable[[], Contestant]) -> None:
    """Answer until stdin ends. What libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    contestant = make()
    _say(answers, {"ready": True})
    streams: dict[str, Iterator[Times]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "check" in request:
            _write(request["into"], contestant.check(request["check"]))
            _say(answers, {"checked": True})
            continue
        way = request["way"]
        if way not in streams:
            streams[way] = contestant.frames(way)
        _say(answers, {"times_ms": _batch(streams[way], request)})


def _batch(stream: Iterator[Times], request: dict[str, Any]) -> dict[str, list[float]]:
    """Work for so many frames, after some that warm up."""
    for _ in islice(stream, request["warmup"]):
        pass
    found: dict[str, list[float]] = {}
    for times in islice(stream, request["frames"]):
        for part, seconds in times.items():
            found.setdefault(part, []).append(round(1000 * seconds, 3))
    return found


def _write(path: str, arrays: Arrays) -> None:
    with ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.save(file, array)


def _say(answers: IO[str], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()
