"""TensorFlow Lite's C library as pyopen-wakeword brings it: models with one input and one output.

The package's own classes are not used: they run each model on several threads, which spin between the
chunks, and compute every window of the sound anew.
"""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyopen_wakeword
from numpy.typing import NDArray

from moshi_speaker.errors import MissingPartError

Array = NDArray[np.float32]

REMEDY = "give an openWakeWord model as a .tflite file"
_PACKAGE = Path(pyopen_wakeword.__file__).parent
_FLOAT32 = 1
"""TfLiteType of float32 in TensorFlow Lite's C API."""
_POINTER = ctypes.c_void_p
_ErrorReporter = ctypes.CFUNCTYPE(None, _POINTER, ctypes.c_char_p, _POINTER)
_SILENT = _ErrorReporter(lambda _data, _format, _arguments: None)
_SIGNATURES: dict[str, tuple[type | None, list[type]]] = {
    "ModelCreateFromFileWithErrorReporter": (_POINTER, [ctypes.c_char_p, _ErrorReporter, _POINTER]),
    "ModelDelete": (None, [_POINTER]),
    "InterpreterOptionsCreate": (_POINTER, []),
    "InterpreterOptionsSetNumThreads": (None, [_POINTER, ctypes.c_int32]),
    "InterpreterOptionsDelete": (None, [_POINTER]),
    "InterpreterCreate": (_POINTER, [_POINTER, _POINTER]),
    "InterpreterDelete": (None, [_POINTER]),
    "InterpreterResizeInputTensor": (
        ctypes.c_int,
        [_POINTER, ctypes.c_int32, ctypes.POINTER(ctypes.c_int32), ctypes.c_int32],
    ),
    "InterpreterAllocateTensors": (ctypes.c_int, [_POINTER]),
    "InterpreterInvoke": (ctypes.c_int, [_POINTER]),
    "InterpreterGetInputTensor": (_POINTER, [_POINTER, ctypes.c_int32]),
    "InterpreterGetOutputTensor": (_POINTER, [_POINTER, ctypes.c_int32]),
    "InterpreterGetTensor": (_POINTER, [_POINTER, ctypes.c_int32]),
    "TensorType": (ctypes.c_int, [_POINTER]),
    "TensorNumDims": (ctypes.c_int32, [_POINTER]),
    "TensorDim": (ctypes.c_int32, [_POINTER, ctypes.c_int32]),
    "TensorByteSize": (ctypes.c_size_t, [_POINTER]),
    "TensorData": (_POINTER, [_POINTER]),
}
"""What is called of the C API: result and arguments."""


def bundled(name: str) -> Path:
    """The file of a model in the wheel."""
    return _PACKAGE / "models" / f"{name}.tflite"


class Network:
    """A model that computes on the calling thread, one at a time. Owns memory outside of Python."""

    def __init__(self, path: Path) -> None:
        """Load a file; ``prepare`` makes it ready to run. Raises MissingPartError for what does not load."""
        self._path = path
        self._model: int | None = None
        self._interpreter: int | None = None
        self._lib = _library()
        self._model = self._call("ModelCreateFromFileWithErrorReporter", str(path).encode(), _SILENT, None)
        if not self._model:
            raise MissingPartError("broken, or no TensorFlow Lite model", where=str(path), remedy=REMEDY)
        options = self._call("InterpreterOptionsCreate")
        self._call("InterpreterOptionsSetNumThreads", options, 1)
        self._interpreter = self._call("InterpreterCreate", self._model, options)
        self._call("InterpreterOptionsDelete", options)
        if not self._interpreter:
            self._refuse()
        self._input = self._call("InterpreterGetInputTensor", self._interpreter, 0)
        self._output = 0

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of what ``run`` takes."""
        return self._shape(self._input)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of what ``run`` gives, once prepared."""
        return self._shape(self._output)

    @property
    def takes_floats(self) -> bool:
        """Its input is float32, as ``run`` has it."""
        return bool(self._call("TensorType", self._input) == _FLOAT32)

    def prepare(self, shape: Sequence[int] | None = None) -> None:
        """Take what running needs, with the input shaped as told. Raises MissingPartError, and closes it."""
        if shape is not None:
            sizes = (ctypes.c_int32 * len(shape))(*shape)
            self._call("InterpreterResizeInputTensor", self._interpreter, 0, sizes, len(shape))
        if self._call("InterpreterAllocateTensors", self._interpreter) != 0:
            self._refuse()
        # To prepare may move them.
        self._input = self._call("InterpreterGetInputTensor", self._interpreter, 0)
        self._output = self._call("InterpreterGetOutputTensor", self._interpreter, 0)

    def run(self, values: Array) -> Array:
        """Compute; ``values`` are C-contiguous and have the size of the input."""
        ctypes.memmove(self._call("TensorData", self._input), values.ctypes.data, values.nbytes)
        self._call("InterpreterInvoke", self._interpreter)
        return self._values(self._output)

    def tensor(self, number: int) -> Array | None:
        """A constant of the model, by its number in the file; None if there is no such constant."""
        tensor = self._call("InterpreterGetTensor", self._interpreter, number)
        if not tensor or self._call("TensorType", tensor) != _FLOAT32 or not self._call("TensorData", tensor):
            return None
        return self._values(tensor)

    def close(self) -> None:
        """Free the model. May be called twice; nothing else may be called afterwards."""
        interpreter, self._interpreter = self._interpreter, None
        if interpreter:
            self._call("InterpreterDelete", interpreter)
        model, self._model = self._model, None
        if model:
            self._call("ModelDelete", model)

    def __del__(self) -> None:
        self.close()

    def _refuse(self) -> NoReturn:
        self.close()
        raise MissingPartError("TensorFlow Lite cannot run this model", where=str(self._path), remedy=REMEDY)

    def _values(self, tensor: int) -> Array:
        size = self._call("TensorByteSize", tensor) // np.dtype(np.float32).itemsize
        data = ctypes.cast(self._call("TensorData", tensor), ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(data, (size,)).reshape(self._shape(tensor)).copy()

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(self._call("TensorDim", tensor, n) for n in range(self._call("TensorNumDims", tensor)))

    def _call(self, name: str, *arguments: object) -> int:
        result: int = getattr(self._lib, f"TfLite{name}")(*arguments)
        return result


@cache
def _library() -> ctypes.CDLL:
    lib = ctypes.CDLL(str(next((_PACKAGE / "lib").glob("*tensorflowlite_c.*"))))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(lib, f"TfLite{name}")
        function.restype, function.argtypes = result, arguments
    return lib
