"""Where a chunk stands in the window of Mimi's transformers, worked out once for all layers."""

from dataclasses import dataclass
from typing import Protocol

import mlx.core as mx
import numpy as np

from moshi_speaker.moshi.mimi.config import MimiConfig


@dataclass(frozen=True, slots=True)
class Place:
    """One chunk's place; the layers share it."""

    slot: mx.array
    """Ring slot of its first position, (1,); the others follow without a wrap."""
    turns: mx.array
    """Rotary embedding, complex (3, 1, heads, chunk, head_dim / 2): of queries and keys; 1 for values."""
    mask: mx.array
    """Added to the scores, (chunk, slots): 0 where a query sees a slot, else minus infinity."""


class Positions(Protocol):
    """Tells chunks their places, one after the other."""

    def room(self) -> int:
        """Positions that ``advance`` takes at most."""

    def advance(self, length: int) -> Place:
        """Make room for the next ``length`` positions, at most ``room()``."""


class Window:
    """Counts the positions of one stream.

    A query at position i sees the key at position j if and only if 0 <= i - j < context
    (moshi-spec §1.1). A chunk is written before its first query looks back, hence the slots beyond
    the context; they are a multiple of the chunk, so that equal chunks never wrap.
    """

    def __init__(self, config: MimiConfig, chunk: int) -> None:
        """``chunk`` is the largest number of positions at once."""
        transformer = config.transformer
        self.chunk = chunk
        self.slots = -(-(transformer.context + chunk - 1) // chunk) * chunk
        self._context = transformer.context
        self._heads = transformer.num_heads
        pairs = config.seanet.dimension // transformer.num_heads // 2
        self._frequencies = float(transformer.max_period) ** (-np.arange(pairs) / pairs)
        self._offset = 0

    def room(self) -> int:
        """Positions that ``advance`` takes at most."""
        return min(self.chunk, self.slots - self._offset % self.slots)

    def advance(self, length: int) -> Place:
        """Make room for the next ``length`` positions, at most ``room()``."""
        positions = np.arange(self._offset, self._offset + length)
        slot = mx.array([self._offset % self.slots], mx.int32)
        self._offset += length
        return Place(slot, self._turns(positions), self._mask(positions))

    def _turns(self, positions: np.ndarray[tuple[int], np.dtype[np.int_]]) -> mx.array:
        # Pair d of a head of width D turns by position * max_period^(-2d/D) (moshi-spec §1.1).
        # For each head, although all are alike: a product of equal shapes is one of MLX's own kernels.
        turns = np.ones((3, 1, self._heads, len(positions), len(self._frequencies)), np.complex64)
        turns[:2] = np.exp(1j * np.outer(positions, self._frequencies))
        return mx.array(turns)

    def _mask(self, positions: np.ndarray[tuple[int], np.dtype[np.int_]]) -> mx.array:
        newest = positions[-1]
        stored = newest - (newest - np.arange(self.slots)) % self.slots
        distance = positions[:, None] - stored
        seen = (distance >= 0) & (distance < self._context) & (stored >= 0)
        return mx.array(np.where(seen, np.float32(0.0), np.float32(-np.inf)))
