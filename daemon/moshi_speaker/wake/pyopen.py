"""The wake engine of the Linux wheels: pyopen-wakeword, TensorFlow Lite models through ctypes."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures

from moshi_speaker.errors import MissingPartError
from moshi_speaker.wake.detector import CHUNK_SAMPLES, WakeChunk

BUNDLED = tuple(model.value for model in Model)
"""Names of the models in the wheel."""

_FEATURES = 96
"""Length of one embedding, the last dimension of every classifier's input."""
_FEATURE_CHUNKS = 12
"""Chunks that the first embedding needs: 76 spectrogram frames of 10 ms are nearly 10, and the edges."""
_FLOAT32 = 1
"""TfLiteType of float32 in TensorFlow Lite's C API."""
_REMEDY = "give an openWakeWord model as a .tflite file"

_ErrorReporter = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)


class PyOpenEngine:
    """One bundled model by name, or one from a .tflite file."""

    def __init__(self, model: str | Path) -> None:
        """Load the model. Raises MissingPartError for a file that is no wake word model."""
        self._features = OpenWakeWordFeatures.from_builtin()
        if isinstance(model, Path):
            _require_classifier(self._features.lib, model)
            self._word = OpenWakeWord.from_model(model)
        else:
            self._word = OpenWakeWord.from_builtin(Model(model))
        self._name = model.stem if isinstance(model, Path) else model
        # The library begins with eight seconds of silence to compute. Enough to fill the windows will do;
        # have it done now, and remember the end for the resets.
        self._features.new_audio_samples = (self._word.input_windows + _FEATURE_CHUNKS) * CHUNK_SAMPLES
        self.score(np.zeros(CHUNK_SAMPLES, np.int16))
        self._silence = _Buffers(self._features, self._word)

    @property
    def name(self) -> str:
        """Name of the bundled model, or of the file without its suffix."""
        return self._name

    def score(self, chunk: WakeChunk) -> float:
        """Hear the next 80 ms, shape (1280,) at 16 kHz, and give a score from 0 to 1."""
        score = 0.0
        for embeddings in self._features.process_streaming(chunk.tobytes()):
            for probability in self._word.process_streaming(embeddings):
                score = float(probability)
        return score

    def reset(self) -> None:
        """Forget all sound: afterwards it is as if there had been silence."""
        self._silence.restore(self._features, self._word)

    def close(self) -> None:
        """Free the model. May be called twice."""
        self._word.close()
        self._features.close()


class _Buffers:
    """A copy of what the library remembers of the sound: its own reset orders the eight seconds again."""

    def __init__(self, features: OpenWakeWordFeatures, word: OpenWakeWord) -> None:
        self._audio: NDArray[np.float32] = features.audio.copy()
        self._mels: NDArray[np.float32] = features.mels.copy()
        self._embeddings: NDArray[np.float32] = word.embeddings.copy()
        self._new = features.new_audio_samples, features.new_mels, word.new_embeddings

    def restore(self, features: OpenWakeWordFeatures, word: OpenWakeWord) -> None:
        features.audio[:] = self._audio
        features.mels[:] = self._mels
        word.embeddings[:] = self._embeddings
        features.new_audio_samples, features.new_mels, word.new_embeddings = self._new


def _require_classifier(lib: ctypes.CDLL, path: Path) -> None:
    """Raise MissingPartError unless the file is a classifier over embeddings.

    The library itself does not look at what TensorFlow Lite returns, and a null pointer ends the process.
    """
    with _model(lib, path) as model, _interpreter(lib, model, path) as interpreter:
        shape, kind = _input(lib, interpreter)
        if len(shape) != 3 or shape[0] != 1 or shape[2] != _FEATURES or kind != _FLOAT32:
            raise MissingPartError(
                f"no wake word model (its input is {shape})", where=str(path), remedy=_REMEDY
            )
        if lib.TfLiteInterpreterAllocateTensors(interpreter) != 0:
            raise MissingPartError("TensorFlow Lite cannot run this model", where=str(path), remedy=_REMEDY)
        output = lib.TfLiteInterpreterGetOutputTensor(interpreter, 0)
        if lib.TfLiteTensorByteSize(output) != np.dtype(np.float32).itemsize:
            raise MissingPartError("more than one score in its output", where=str(path), remedy=_REMEDY)


@contextmanager
def _model(lib: ctypes.CDLL, path: Path) -> Iterator[int]:
    create = lib.TfLiteModelCreateFromFileWithErrorReporter
    create.argtypes = [ctypes.c_char_p, _ErrorReporter, ctypes.c_void_p]
    create.restype = ctypes.c_void_p
    silent = _ErrorReporter(lambda _data, _format, _arguments: None)
    model = create(str(path).encode(), silent, None)
    if not model:
        raise MissingPartError("broken, or no TensorFlow Lite model", where=str(path), remedy=_REMEDY)
    try:
        yield model
    finally:
        lib.TfLiteModelDelete(model)


@contextmanager
def _interpreter(lib: ctypes.CDLL, model: int, path: Path) -> Iterator[int]:
    interpreter = lib.TfLiteInterpreterCreate(model, None)
    if not interpreter:
        raise MissingPartError("TensorFlow Lite cannot run this model", where=str(path), remedy=_REMEDY)
    try:
        yield interpreter
    finally:
        lib.TfLiteInterpreterDelete(interpreter)


def _input(lib: ctypes.CDLL, interpreter: int) -> tuple[list[int], int]:
    tensor = lib.TfLiteInterpreterGetInputTensor(interpreter, 0)
    shape = [int(lib.TfLiteTensorDim(tensor, axis)) for axis in range(lib.TfLiteTensorNumDims(tensor))]
    return shape, int(lib.TfLiteTensorType(tensor))
