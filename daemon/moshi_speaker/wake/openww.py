"""The wake engine of macOS, and of .onnx models: openwakeword over onnxruntime."""

import os
from collections.abc import Sequence
from pathlib import Path

# onnxruntime sends telemetry unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import openwakeword
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors
from openwakeword.utils import download_models

from moshi_speaker.errors import ConfigError, MissingPartError
from moshi_speaker.wake.detector import WakeChunk

BUNDLED = ("alexa", "hey_jarvis", "hey_mycroft", "hey_rhasspy")
"""Names of the published models with one wake word each."""

_FEATURES = 96
"""Length of one embedding, the last dimension of every classifier's input."""
_SHARED = ("melspectrogram", "embedding_model")
"""The models that turn sound into embeddings."""
_LOAD_ERRORS = (
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.InvalidGraph,
    onnx_errors.InvalidProtobuf,
    onnx_errors.NoSuchFile,
    onnx_errors.NotImplemented,
    onnx_errors.RuntimeException,
)


class OpenWakeWordEngine:
    """Published models by name (fetched at first use) and .onnx files by path, over one spectrogram."""

    def __init__(self, models: Sequence[str | Path]) -> None:
        """Load the models.

        Raises MissingPartError when one cannot be fetched or is no wake word model, and ConfigError for two
        files of one name, which the library cannot tell apart.
        """
        paths = [model if isinstance(model, Path) else _published(model) for model in models]
        published = [path for path, model in zip(paths, models, strict=True) if not isinstance(model, Path)]
        self._keys = [path.stem for path in paths]
        _require_different(paths)
        _fetch([_stored(name) for name in _SHARED] + published)
        self._model = _load(paths)
        self._words = tuple(model.stem if isinstance(model, Path) else model for model in models)
        for path in paths:
            self._require_classifier(path)

    @property
    def words(self) -> tuple[str, ...]:
        """Names of the published models, or of the files without their suffix."""
        return self._words

    def scores(self, chunk: WakeChunk) -> list[float]:
        """Hear the next 80 ms, shape (1280,) at 16 kHz, and give a score from 0 to 1 for each word."""
        scores = self._model.predict(chunk)
        return [float(scores[key]) for key in self._keys]

    def reset(self) -> None:
        """Forget all sound. The library leaves noise behind, so the next 16 scores mean nothing."""
        self._model.reset()

    def close(self) -> None:
        """Nothing to free before the object goes."""

    def _require_classifier(self, path: Path) -> None:
        shape = self._model.models[path.stem].get_inputs()[0].shape
        if len(shape) != 3 or shape[2] != _FEATURES or self._model.model_outputs[path.stem] != 1:
            raise MissingPartError(
                f"no model of one wake word (its input is {shape})", where=str(path), remedy=_remedy(path)
            )


def _load(paths: Sequence[Path]) -> openwakeword.Model:
    """One model of the library for all files; it does not say which of them is broken."""
    try:
        return openwakeword.Model(wakeword_models=[str(path) for path in paths], inference_framework="onnx")
    except _LOAD_ERRORS as error:
        if len(paths) > 1:
            for path in paths:
                _load([path])
        raise MissingPartError(
            "broken, or no ONNX wake word model", where=str(paths[0]), remedy=_remedy(paths[0])
        ) from error


def _require_different(paths: Sequence[Path]) -> None:
    for number, path in enumerate(paths):
        if path.stem in (other.stem for other in paths[:number]):
            raise ConfigError(
                "another wake word's model has this name", where=str(path), remedy="rename the file"
            )


def _published(name: str) -> Path:
    return Path(openwakeword.MODELS[name]["model_path"]).with_suffix(".onnx")


def _stored(shared: str) -> Path:
    key = "embedding" if shared == "embedding_model" else shared
    return Path(openwakeword.FEATURE_MODELS[key]["model_path"]).with_suffix(".onnx")


def _fetch(wanted: list[Path]) -> None:
    missing = [path for path in wanted if not path.exists()]
    if not missing:
        return
    remedy = "connect to the internet once, or put the file there by hand"
    # The library skips a download whose .tflite twin is already there.
    for path in missing:
        path.with_suffix(".tflite").unlink(missing_ok=True)
    try:
        download_models([path.stem for path in wanted])
    except OSError as error:
        for path in missing:
            path.unlink(missing_ok=True)
        raise MissingPartError(
            "cannot fetch this wake word model", where=str(missing[0]), remedy=remedy
        ) from error


def _remedy(path: Path) -> str:
    if path.parent == _stored("melspectrogram").parent:
        return f"delete {path.parent} to have the models fetched again"
    return "give an openWakeWord model as an .onnx file"
