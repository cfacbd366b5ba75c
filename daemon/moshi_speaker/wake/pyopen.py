"""The wake engine of the Linux wheels: the models and the TensorFlow Lite of pyopen-wakeword."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pyopen_wakeword import Model

from moshi_speaker.errors import MissingPartError
from moshi_speaker.wake.detector import CHUNK_SAMPLES, WakeChunk
from moshi_speaker.wake.embedding import FEATURES
from moshi_speaker.wake.features import Features
from moshi_speaker.wake.tflite import REMEDY, Array, Network, bundled

BUNDLED = tuple(model.value for model in Model)
"""Names of the models in the wheel."""


class PyOpenEngine:
    """Bundled models by name and .tflite files by path: one spectrogram and embedding for all of them."""

    def __init__(self, models: Sequence[str | Path]) -> None:
        """Load the models. Raises MissingPartError for a file that is no wake word model."""
        paths = [model if isinstance(model, Path) else bundled(model) for model in models]
        self._classifiers = [_classifier(path) for path in paths]
        self._features = Features()
        self._words = tuple(model.stem if isinstance(model, Path) else model for model in models)
        self._closed = False
        self._lengths = [classifier.input_shape[1] for classifier in self._classifiers]
        self._silence = self._windows_of_silence()
        self._windows = self._silence.copy()

    @property
    def words(self) -> tuple[str, ...]:
        """Names of the bundled models, or of the files without their suffix."""
        return self._words

    def scores(self, chunk: WakeChunk) -> list[float]:
        """Hear the next 80 ms, shape (1280,) at 16 kHz; a score from 0 to 1 for each word, 0 once closed."""
        if self._closed:
            return [0.0] * len(self._words)
        self._windows[0, :-1] = self._windows[0, 1:]
        self._windows[0, -1] = self._features.feed(chunk)
        return [
            classifier.run(np.ascontiguousarray(self._windows[:, -length:])).item()
            for classifier, length in zip(self._classifiers, self._lengths, strict=True)
        ]

    def reset(self) -> None:
        """Forget all sound: afterwards it is as if there had been silence."""
        self._features.reset()
        self._windows[...] = self._silence

    def close(self) -> None:
        """Free the models. May be called twice."""
        self._closed = True
        for classifier in self._classifiers:
            classifier.close()
        self._features.close()

    def _windows_of_silence(self) -> Array:
        """What the classifier that looks back farthest takes, shape (1, windows, 96), after silence."""
        silence = self._features.feed(np.zeros(CHUNK_SAMPLES, np.int16))
        return np.tile(silence, (1, max(self._lengths), 1))


def _classifier(path: Path) -> Network:
    """Load a model that judges embeddings. Raises MissingPartError for any other."""
    network = Network(path)
    shape = network.input_shape
    if len(shape) != 3 or shape[0] != 1 or shape[2] != FEATURES or not network.takes_floats:
        network.close()
        raise MissingPartError(
            f"no wake word model (its input is {list(shape)})", where=str(path), remedy=REMEDY
        )
    network.prepare()
    if math.prod(network.output_shape) != 1:
        network.close()
        raise MissingPartError("more than one score in its output", where=str(path), remedy=REMEDY)
    return network
