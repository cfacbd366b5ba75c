"""What all language models are asked to do; runs in the environments of others."""

import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tests.bench.peers.serving import Arrays, Times

Codes = NDArray[np.int32]
"""Of one frame of the user, (8,)."""
Logits = NDArray[np.float32]
"""Of the text token, (text_card,)."""


class LanguageModel(Protocol):
    """A streaming Moshi without its codec; results are ready when a call returns."""

    def reset(self, *, greedy: bool) -> None:
        """Begin a fresh stream, with or without chance."""

    def step(self, codes: Codes) -> Logits | None:
        """The next step; logits where the stream is greedy."""


class LmContestant:
    """Steps on the codes of a user whom nobody would understand."""

    def __init__(self, model: LanguageModel, codes: Codes) -> None:
        """``codes`` is (frames, 8); it is repeated endlessly."""
        self._model = model
        self._codes = codes

    def frames(self, way: str) -> Iterator[Times]:
        """One step after the other, sampled as in a talk."""
        if way != "in turn":
            raise ValueError(f"this model does not know the way {way!r}")
        self._model.reset(greedy=False)
        for codes in cycle(self._codes):
            begin = perf_counter()
            self._model.step(codes)
            yield {"lm step": perf_counter() - begin}

    def check(self, frames: int) -> Arrays:
        """Text logits of the first steps with the most likely tokens, (frames, text_card)."""
        self._model.reset(greedy=True)
        logits = [self._model.step(codes) for codes in self._codes[:frames]]
        return {"logits": np.stack([row for row in logits if row is not None])}


def arguments() -> tuple[Path, Codes, list[str]]:
    """Of the command line: the file of weights, the user's codes, and what else there is."""
    weights, given, *options = sys.argv[1:]
    return Path(weights), np.load(given), options
