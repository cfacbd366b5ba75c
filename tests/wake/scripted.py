"""An engine that says what it is told, and a detector over it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.wake.detector import CHUNK_SAMPLES, CHUNK_SECONDS, Detection, Detector

SILENCE: NDArray[np.int16] = np.zeros(CHUNK_SAMPLES, np.int16)


class ScriptedEngine:
    """Gives the scores of a list for each word, one a chunk, then zeros."""

    def __init__(self, **scores: Sequence[float]) -> None:
        self.words = tuple(scores)
        self.calls: list[str] = []
        self._scores = scores
        self._chunks = 0

    def scores(self, chunk: NDArray[np.int16]) -> list[float]:
        assert chunk.shape == (CHUNK_SAMPLES,)
        number, self._chunks = self._chunks, self._chunks + 1
        return [scores[number] if number < len(scores) else 0.0 for scores in self._scores.values()]

    def reset(self) -> None:
        self.calls.append("reset")

    def close(self) -> None:
        self.calls.append("close")


def hear(detector: Detector, chunks: int, start: int = 0) -> list[Detection]:
    """The detections in so many chunks of silence, of which the first has this number."""
    heard = [detector.hear(SILENCE, (start + n + 1) * CHUNK_SECONDS) for n in range(chunks)]
    return [detection for detection in heard if detection is not None]
