"""A contestant for the tests: its times are the numbers of its frames, in seconds."""

import sys
from collections.abc import Iterator
from itertools import count

import numpy as np

from tests.bench.peers.serving import Arrays, Times, serve


class Fake:
    """Counts."""

    def frames(self, way: str) -> Iterator[Times]:
        """0, 1, 2 …"""
        for number in count():
            yield {"count" if way == "in turn" else way: float(number)}

    def check(self, frames: int) -> Arrays:
        """As many numbers as asked for."""
        return {"frames": np.arange(frames)}


def make() -> Fake:
    """One that says something on stdout, as libraries do; or none."""
    sys.stdout.write("loading\n")
    if "broken" in sys.argv:
        raise ValueError("no such weights")
    return Fake()


if __name__ == "__main__":
    serve(make)
