"""The safetensors format: headers, read and checked before any weight is, and a writer."""

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from moshi_speaker.errors import CheckpointError

MAX_HEADER_BYTES = 100_000_000
"""Beyond this a file is refused as no safetensors file; the format itself sets the same bound."""

DTYPE_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "BF16": 2, "F16": 2, "I16": 2}
DTYPE_BYTES |= {"U16": 2, "I8": 1, "U8": 1, "BOOL": 1}

_FETCH = "fetch it again: moshi-speaker models pull"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of the header."""

    dtype: str
    """As the format writes it: F32, BF16, U32 …"""
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Size of the content in bytes."""
        return DTYPE_BYTES[self.dtype] * math.prod(self.shape)


def read_header(path: Path) -> dict[str, Tensor]:
    """Names, types and shapes of a file's tensors.

    Raises CheckpointError when it is no safetensors file, or shorter than its header says.
    """
    where = str(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
            if not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
                raise CheckpointError(
                    "this is no safetensors file, or it is cut off", where=where, remedy=_FETCH
                )
            tensors, end = _parse(file.read(length))
    except OSError as error:
        raise CheckpointError(f"cannot be read: {error.strerror}", where=where) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError("this is no safetensors file", where=where, remedy=_FETCH) from error
    if missing := max(0, 8 + length + end - size):
        raise CheckpointError(f"the file is cut off, {missing} bytes are missing", where=where, remedy=_FETCH)
    return tensors


def _parse(header: bytes) -> tuple[dict[str, Tensor], int]:
    """The tensors, and where the last one ends; raises one of many errors where the header is not sound."""
    tensors, end = {}, 0
    for name, entry in json.loads(header).items():
        if name == "__metadata__":
            continue
        start, stop = entry["data_offsets"]
        tensor = Tensor(str(entry["dtype"]), tuple(int(size) for size in entry["shape"]))
        # Types that we do not know are refused later, by name.
        known = tensor.dtype in DTYPE_BYTES
        if start < 0 or min(tensor.shape, default=0) < 0 or (known and stop - start != tensor.nbytes):
            raise ValueError(f"{name} is not where it should be")
        tensors[name], end = tensor, max(end, stop)
    return tensors, end


def check_shapes(header: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Hold a header against the tensors a model needs: all of them, no others, in these shapes.

    Raises CheckpointError that names the first tensor that is missing, unexpected or misshapen.
    """
    for name, shape in expected.items():
        if name not in header:
            raise CheckpointError(f"tensor {name} {_text(shape)} is missing", where=where)
        found = header[name].shape
        if found != shape:
            raise CheckpointError(
                f"tensor {name} has shape {_text(found)}, expected {_text(shape)}", where=where
            )
    for name, tensor in header.items():
        if name not in expected:
            raise CheckpointError(f"tensor {name} {_text(tensor.shape)} is unexpected", where=where)


def _text(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], values: Callable[[str], bytes]) -> None:
    """Write a file tensor by tensor, so that it may be larger than the memory.

    ``values`` gives the raw little-endian content of the named tensor, asked for in order.
    """
    header: dict[str, dict[str, object]] = {}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, tensor in tensors.items():
            content = values(name)
            if len(content) != tensor.nbytes:
                raise ValueError(f"{name}: {len(content)} bytes, not {tensor.nbytes}")
            file.write(content)
