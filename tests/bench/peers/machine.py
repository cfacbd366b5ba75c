"""Not a contestant but the limit: the bytes of a frame read once, and its arithmetic done alone."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

from moshi_speaker.moshi.config import MOSHI_1B
from moshi_speaker.moshi.limits import Cost, codec_cost, lm_cost
from moshi_speaker.moshi.mimi.config import MimiConfig
from tests.bench.peers.codec import CODEBOOKS
from tests.bench.peers.serving import Arrays, Times, serve

COSTS = {"codec": codec_cost(MimiConfig(), CODEBOOKS), "lm step": lm_cost(MOSHI_1B, 8, activation_bytes=4)}
"""By what is done; keys and values are float32 on a CPU."""


class Machine:
    """All cores that we may use, with what NumPy makes of them."""

    def __init__(self, part: str, cost: Cost) -> None:
        """``part`` of a frame, and what it costs."""
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        self._part = part
        self._pool = ThreadPoolExecutor(cores)
        # Weights only: the window is empty at first, as it is for the contestants.
        self._blocks = np.array_split(np.ones(cost.weight_bytes // 4, np.float32), cores)
        side = round((cost.flop / 2) ** (1 / 3))
        self._matrix = np.ones((side, side), np.float32)

    def frames(self, way: str) -> Iterator[Times]:
        """Endlessly read, then multiply; there is only one ``way``."""
        while True:
            begin = perf_counter()
            # Of NumPy's reductions the one that reads fastest.
            list(self._pool.map(np.max, self._blocks))
            middle = perf_counter()
            self._matrix @ self._matrix
            end = perf_counter()
            yield {f"{self._part}: read once": middle - begin, f"{self._part}: multiply": end - middle}

    def check(self, frames: int) -> Arrays:
        """Nothing to compare."""
        return {}


if __name__ == "__main__":
    what = sys.argv[3]
    serve(lambda: Machine(what, COSTS[what]))
