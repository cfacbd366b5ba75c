"""The memory of attention: rings of keys and values that hold exactly the window.

All layers of a transformer move in step, so where the next keys go and which of the stored ones a
query may see is worked out once a call (``Span``) and shared by all layers.
"""

from dataclasses import dataclass

import mlx.core as mx
import numpy as np


@dataclass(frozen=True, slots=True)
class Span:
    """One chunk's place in the rings."""

    offset: int
    """Absolute position of the first token of the chunk; never wraps."""
    slots: tuple[tuple[int, int], ...]
    """Ring slots [from, to) that the chunk is written to, in order: two ranges when it wraps."""
    filled: int
    """Slots in use once the chunk is written."""
    mask: mx.array | None
    """Who sees whom, shape (chunk, filled), or None when every query sees every filled slot."""


class WindowCounter:
    """Counts positions for rings with a sliding window of ``context`` tokens, the query included.

    A query at position i sees the key at position j if and only if 0 <= i - j < context
    (moshi-spec §1.1, §2.3). A chunk of n tokens needs ``context + n - 1`` slots for that, because its
    first query still looks back while its last key is already stored.
    """

    def __init__(self, context: int, chunk: int) -> None:
        """``chunk`` is the largest number of tokens in one call."""
        self.context = context
        self.chunk = chunk
        self.capacity = context + chunk - 1
        self.offset = 0

    def advance(self, length: int) -> Span:
        """Make room for the next ``length`` tokens, at most ``chunk``."""
        start, end = self.offset, self.offset + length
        first, last = start % self.capacity, end % self.capacity
        if last == 0 or first < last:
            slots: tuple[tuple[int, int], ...] = ((first, first + length),)
        else:
            slots = ((first, self.capacity), (0, last))
        filled = min(end, self.capacity)
        self.offset = end
        return Span(start, slots, filled, self._mask(start, end, filled))

    def _mask(self, start: int, end: int, filled: int) -> mx.array | None:
        if end - start == 1 and filled <= self.context:
            return None
        slot = np.arange(filled)
        newest = end - 1
        key_position = newest - (newest - slot) % self.capacity
        distance = np.arange(start, end)[:, None] - key_position[None, :]
        return mx.array((distance >= 0) & (distance < self.context))


class KVRing:
    """Keys and values of one attention layer, each (batch, heads, capacity, head_dim)."""

    def __init__(self, batch: int, heads: int, head_dim: int, capacity: int, dtype: mx.Dtype) -> None:
        """Slots are never read before they are written, so a used ring may serve a fresh stream."""
        shape = (batch, heads, capacity, head_dim)
        self.keys = mx.zeros(shape, dtype)
        self.values = mx.zeros(shape, dtype)

    def write(self, keys: mx.array, values: mx.array, span: Span) -> tuple[mx.array, mx.array]:
        """Store a chunk, each (batch, heads, chunk, head_dim); return all filled slots, in ring order."""
        done = 0
        for start, stop in span.slots:
            part = slice(done, done + stop - start)
            self.keys[:, :, start:stop] = keys[:, :, part]
            self.values[:, :, start:stop] = values[:, :, part]
            done += stop - start
        if span.filled == self.keys.shape[2]:
            return self.keys, self.values
        return self.keys[:, :, : span.filled], self.values[:, :, : span.filled]


class TransformerState:
    """What a transformer remembers of one stream; ``reset`` begins a fresh one in the same memory."""

    def __init__(self, counter: WindowCounter, rings: list[KVRing]) -> None:
        """One ring a layer, all of the counter's capacity."""
        self.counter = counter
        self.rings = rings

    def reset(self) -> None:
        """Forget everything."""
        self.counter.offset = 0

    def arrays(self) -> list[mx.array]:
        """All arrays that are held, to evaluate them together with a result."""
        return [array for ring in self.rings for array in (ring.keys, ring.values)]
