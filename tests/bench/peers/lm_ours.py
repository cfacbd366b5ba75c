"""Our language model, loaded as the speaker loads it."""

from pathlib import Path

import moshi_speaker.moshi  # noqa: F401 - before MLX itself: it settles how MLX computes

# isort: split
import mlx.core as mx
import numpy as np

from moshi_speaker.moshi.dialogue import activation_dtype
from moshi_speaker.moshi.lm.checkpoint import load_lm
from moshi_speaker.moshi.lm.generate import Generator, Step
from moshi_speaker.moshi.lm.sampling import GREEDY, Sampling
from tests.bench.peers.lm import Codes, LmContestant, Logits, arguments
from tests.bench.peers.serving import serve
from tests.bench.presets import MOSHI_1B


class OurMoshi:
    """Waits once a step, as a talk does."""

    def __init__(self, weights: Path) -> None:
        """``weights`` is a quantized file of the 1B preset."""
        self._model = load_lm(weights, MOSHI_1B, activation_dtype())

    def reset(self, *, greedy: bool) -> None:
        """Begin a fresh stream; step 0 comes with the first frame, as in the others."""
        self._greedy = greedy
        sampling = GREEDY if greedy else Sampling(seed=0)
        self._generator = Generator(self._model, sampling, activation_dtype())
        self._previous: Codes | None = None

    def step(self, codes: Codes) -> Logits | None:
        """Step t hears the codes of frame t - 1."""
        step = self._next()
        self._previous = codes
        results = [step.text] if step.codes is None else [step.text, step.codes]
        mx.eval(*results, *self._generator.state_arrays())
        logits: Logits = np.array(step.logits[0])
        return logits if self._greedy else None

    def _next(self) -> Step:
        if self._previous is None:
            return self._generator.start()
        return self._generator.step(mx.array(self._previous)[None, :, None])


if __name__ == "__main__":
    path, given, _ = arguments()
    serve(lambda: LmContestant(OurMoshi(path), given))
