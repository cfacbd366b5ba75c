"""What all codecs are asked to do; runs in the environments of others."""

import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tests.bench.peers.serving import Arrays, Times

CODEBOOKS = 8
TOGETHER = "codec, both at once"
"""The part that only ours has: encoding and decoding one frame, both due at the same time as in a talk."""

Sound = NDArray[np.float32]
"""One frame, (1920,)."""
Codes = NDArray[np.int32]
"""Of one frame, (8,)."""


class Codec(Protocol):
    """A streaming Mimi; results are ready when a call returns."""

    def reset(self) -> None:
        """Begin a fresh stream."""

    def encode(self, sound: Sound) -> Codes:
        """The next frame of what is heard."""

    def decode(self, codes: Codes) -> Sound:
        """The next frame of what is said."""


class CodecContestant:
    """Encodes the frames of a recording, and decodes the codes just found."""

    def __init__(self, codec: Codec, sound: Sound) -> None:
        """``sound`` is (frames, 1920); it is repeated endlessly."""
        self._codec = codec
        self._sound = sound

    def frames(self, way: str) -> Iterator[Times]:
        """Encode, then decode."""
        if way != "in turn":
            raise ValueError(f"this codec does not know the way {way!r}")
        self._codec.reset()
        for frame in cycle(self._sound):
            begin = perf_counter()
            codes = self._codec.encode(frame)
            middle = perf_counter()
            self._codec.decode(codes)
            end = perf_counter()
            yield {"encode": middle - begin, "decode": end - middle, "codec": end - begin}

    def check(self, frames: int) -> Arrays:
        """Codes, (frames, 8), and sound, (frames, 1920)."""
        self._codec.reset()
        codes = [self._codec.encode(frame) for frame in self._sound[:frames]]
        sound = [self._codec.decode(row) for row in codes]
        return {"codes": np.stack(codes), "sound": np.stack(sound)}


def arguments() -> tuple[Path, Sound]:
    """Of the command line: the file of weights, and the recording."""
    weights, recording = sys.argv[1:3]
    return Path(weights), np.load(recording)
