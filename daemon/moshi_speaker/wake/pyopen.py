"""The wake engine of the Linux wheels: the models and the TensorFlow Lite of pyopen-wakeword."""

import math
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
    """One bundled model by name, or one from a .tflite file."""

    def __init__(self, model: str | Path) -> None:
        """Load the model. Raises MissingPartError for a file that is no wake word model."""
        self._word = _classifier(model if isinstance(model, Path) else bundled(model))
        self._features = Features()
        self._name = model.stem if isinstance(model, Path) else model
        self._closed = False
        self._silence = self._windows_of_silence()
        self._windows = self._silence.copy()

    @property
    def name(self) -> str:
        """Name of the bundled model, or of the file without its suffix."""
        return self._name

    def score(self, chunk: WakeChunk) -> float:
        """Hear the next 80 ms, shape (1280,) at 16 kHz, and give a score from 0 to 1; 0 once closed."""
        if self._closed:
            return 0.0
        self._windows[0, :-1] = self._windows[0, 1:]
        self._windows[0, -1] = self._features.feed(chunk)
        return self._word.run(self._windows).item()

    def reset(self) -> None:
        """Forget all sound: afterwards it is as if there had been silence."""
        self._features.reset()
        self._windows[...] = self._silence

    def close(self) -> None:
        """Free the model. May be called twice."""
        self._closed = True
        self._word.close()
        self._features.close()

    def _windows_of_silence(self) -> Array:
        """What the classifier takes, shape (1, windows, 96), after silence."""
        _, count, _ = self._word.input_shape
        silence = self._features.feed(np.zeros(CHUNK_SAMPLES, np.int16))
        return np.tile(silence, (1, count, 1))


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
