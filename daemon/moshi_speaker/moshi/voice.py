"""The half of a dialogue that needs no language model: codes to sound. A process of its own may run it."""

from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from moshi_speaker.moshi.mimi.checkpoint import load_mimi
from moshi_speaker.moshi.mimi.config import MimiConfig


@dataclass(frozen=True, slots=True)
class VoiceSource:
    """Where a voice comes from."""

    mimi: Path
    """The published file of the codec."""
    config: MimiConfig
    """Its shape."""
    codebooks: int
    """How many of them are spoken."""


class Voice:
    """Decodes one talk after the other."""

    def __init__(self, source: VoiceSource) -> None:
        """Load the codec. Raises CheckpointError."""
        self._mimi = load_mimi(source.mimi, source.config, source.codebooks, only="decode")
        self.reset()

    def reset(self) -> None:
        """Begin a fresh stream."""
        self._state = self._mimi.make_decoder_state()

    def speak(self, codes: NDArray[np.int32]) -> NDArray[np.float32]:
        """Codes of one frame, shape (codebooks,), to its sound, shape (1920,), in [-1, 1]."""
        sound = self._mimi.decode(mx.array(codes)[None, :, None], self._state)[0]
        return np.array(mx.clip(sound, -1.0, 1.0))
