"""Our language model, loaded as the speaker loads it."""

from pathlib import Path

import moshi_speaker.moshi  # noqa: F401 - before MLX itself: it settles how MLX computes

# isort: split
import mlx.core as mx
import numpy as np

from moshi_speaker.moshi.dialogue import load_files
from moshi_speaker.moshi.hub import files_in
from moshi_speaker.moshi.lm.generate import Generator, Step
from moshi_speaker.moshi.lm.sampling import GREEDY, Sampling
from tests.bench.peers.lm import Codes, LmContestant, Logits, arguments
from tests.bench.peers.serving import serve


class OurMoshi:
    """Loaded by what loads it for a talk, and waited for once a step."""

    def __init__(self, weights: Path) -> None:
        """``weights`` lies in a whole model's folder."""
        self._files = files_in(weights.parent, weights.parent.name)
        self._generator = self._load(greedy=False)

    def reset(self, *, greedy: bool) -> None:
        """Begin a fresh stream; step 0 comes with the first frame, as in the others."""
        if greedy != self._greedy:
            # The old one must go before the next one comes: each may take gigabytes.
            del self._generator
            self._generator = self._load(greedy=greedy)
        self._generator.reset()
        self._previous: Codes | None = None

    def step(self, codes: Codes) -> Logits | None:
        """Step t hears the codes of frame t - 1."""
        step = self._next()
        self._previous = codes
        mx.eval(step.text, step.raw, *self._generator.state_arrays())
        return np.array(step.logits[0]) if self._greedy else None

    def _load(self, *, greedy: bool) -> Generator:
        self._greedy = greedy
        return load_files(self._files, GREEDY if greedy else Sampling(seed=0)).generator

    def _next(self) -> Step:
        if self._previous is None:
            return self._generator.start()
        return self._generator.step(mx.array(self._previous)[None, :, None])


if __name__ == "__main__":
    path, given, _ = arguments()
    serve(lambda: LmContestant(OurMoshi(path), given))
