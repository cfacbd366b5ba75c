"""The child's side of a comparison: one contestant, asked for so many frames at a time.

Requests and answers are lines of JSON on stdin and stdout. Runs in the environments of others, so it
needs nothing but numpy.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from time import perf_counter
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
    """Warm up, then work for at least so many seconds and frames."""
    for _ in islice(stream, request["warmup"]):
        pass
    found: dict[str, list[float]] = {}
    begin = perf_counter()
    for done, times in enumerate(stream, start=1):
        for part, seconds in times.items():
            found.setdefault(part, []).append(round(1000 * seconds, 3))
        if done >= request["frames"] and perf_counter() - begin >= request["seconds"]:
            break
    return found


def _write(path: str, arrays: Arrays) -> None:
    with ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.save(file, array)


def _say(answers: IO[str], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()
