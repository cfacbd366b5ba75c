"""Bounded first-in-first-out buffers between the threads of the audio path.

Rule for a full buffer: the oldest sound is dropped and counted; the newest is always kept.
"""

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from moshi_speaker.audio.frames import Samples


class SampleFifo:
    """A ring of samples for one reader and one writer, each in any thread."""

    def __init__(self, capacity: int) -> None:
        """``capacity`` is the number of samples it holds at most, at least 1."""
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self._ring = np.zeros(capacity, np.float32)
        self._start = 0
        self._size = 0
        self._overflow = 0
        self._underflow = 0
        self._lock = threading.Lock()

    @property
    def capacity(self) -> int:
        """Samples it holds at most."""
        return len(self._ring)

    @property
    def overflow(self) -> int:
        """Samples dropped because it was full, since the beginning."""
        return self._overflow

    @property
    def underflow(self) -> int:
        """Zeros given by take_padded in place of samples that were not there, since the beginning."""
        return self._underflow

    def __len__(self) -> int:
        with self._lock:
            return self._size

    def put(self, samples: Samples) -> None:
        """Append samples, shape (n,); what does not fit pushes out the oldest."""
        with self._lock:
            dropped = max(0, self._size + len(samples) - self.capacity)
            self._overflow += dropped
            kept = samples[-self.capacity :]
            self._discard(max(0, self._size + len(kept) - self.capacity))
            at = (self._start + self._size) % self.capacity
            head = kept[: self.capacity - at]
            self._ring[at : at + len(head)] = head
            self._ring[: len(kept) - len(head)] = kept[len(head) :]
            self._size += len(kept)

    def take(self, n: int) -> Samples:
        """Remove and return the oldest samples, at most n."""
        with self._lock:
            taken = self._copy(min(n, self._size))
            self._discard(len(taken))
            return taken

    def take_padded(self, n: int) -> Samples:
        """Remove the oldest samples and return exactly n, with zeros (counted) after the last."""
        taken = self.take(n)
        if len(taken) == n:
            return taken
        self._underflow += n - len(taken)
        padded = np.zeros(n, np.float32)
        padded[: len(taken)] = taken
        return padded

    def clear(self) -> None:
        """Forget all samples; the counters stay."""
        with self._lock:
            self._discard(self._size)

    def _copy(self, n: int) -> Samples:
        head = self._ring[self._start : self._start + n]
        return np.concatenate((head, self._ring[: n - len(head)]))

    def _discard(self, n: int) -> None:
        self._start = (self._start + n) % self.capacity
        self._size -= n


@dataclass(frozen=True, slots=True)
class Block:
    """Samples as a device captured them."""

    samples: Samples
    """Shape (n,)."""
    at: float
    """Capture time of the first sample, in seconds."""


class BlockFifo:
    """Captured blocks on their way to the front end: the device puts, one thread waits and takes."""

    def __init__(self, capacity: int) -> None:
        """``capacity`` is the number of blocks it holds at most, at least 1."""
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self._blocks: deque[Block] = deque(maxlen=capacity)
        self._samples = 0
        self._wanted = 1
        """Samples that the reader waits for."""
        self._changed = threading.Condition()
        self._closed = False
        self._refusing = False
        self._busy = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Blocks dropped because it was full, since the beginning."""
        return self._dropped

    def __len__(self) -> int:
        with self._changed:
            return len(self._blocks)

    def put(self, block: Block) -> None:
        """Append a block; a full buffer drops its oldest, one that is closed or refuses ignores the new."""
        with self._changed:
            if self._closed or self._refusing:
                return
            if len(self._blocks) == self._blocks.maxlen:
                self._dropped += 1
                self._samples -= len(self._blocks[0].samples)
            self._blocks.append(block)
            self._samples += len(block.samples)
            if self._enough:
                self._changed.notify_all()

    def take(self, samples: int = 1) -> Block | None:
        """Wait until there are so many samples, and remove the oldest block; None once closed.

        The reader sleeps through what would not suffice. A full buffer suffices always.
        """
        with self._changed:
            self._wanted = samples
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._enough or self._closed)
            if self._closed:
                return None
            self._busy = True
            block = self._blocks.popleft()
            self._samples -= len(block.samples)
            return block

    def wait_idle(self, timeout_s: float | None = None) -> bool:
        """Wait until the reader has dealt with what sufficed and asks for more; False on timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed or not (self._enough or self._busy), timeout_s)

    def refuse(self, on: bool) -> None:
        """Forget all blocks, and ignore those that come for as long as it is ``on``."""
        with self._changed:
            self._refusing = on
            self._blocks.clear()
            self._samples = 0
            self._changed.notify_all()

    def close(self) -> None:
        """Forget all blocks and release everybody who waits."""
        with self._changed:
            self._closed = True
            self._blocks.clear()
            self._samples = 0
            self._changed.notify_all()

    @property
    def _enough(self) -> bool:
        full = len(self._blocks) == self._blocks.maxlen
        return full or (bool(self._blocks) and self._samples >= self._wanted)
