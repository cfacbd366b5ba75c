"""What was played and what was heard meanwhile, block by block in the order of the callbacks."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.frames import SAMPLE_RATE, Device, Samples
from moshi_speaker.errors import DeviceError

LOOK_S = 0.5
"""Seconds between looks at the device."""
PATIENCE_S = 10.0
"""Seconds that it may take longer than the sound that is played."""
_REMEDY = "check that it is connected and not in use by another program, then try again"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of sound as the device took or gave it."""

    played: bool
    """Whether the loudspeaker got it; else the microphone gave it."""
    samples: Samples
    """Shape (n,), 24 kHz."""
    at: float
    """When the first sample sounds or sounded, in seconds."""
    called: float
    """When the device called, in seconds."""


class Track:
    """One direction of a recording: its samples, and when each of them sounded."""

    def __init__(self, blocks: "tuple[Block, ...]") -> None:
        """Of the blocks of one direction, in order."""
        self.samples = np.concatenate([np.zeros(0, np.float32), *(block.samples for block in blocks)])
        self.ends = np.cumsum([len(block.samples) for block in blocks])
        self.called = np.array([block.called for block in blocks])
        self._ats = np.array([block.at for block in blocks])
        self._starts = self.ends - np.array([len(block.samples) for block in blocks])

    def time(self, position: int) -> float:
        """When the sample at a position sounded."""
        row = max(0, int(np.searchsorted(self._starts, position, "right")) - 1)
        return float(self._ats[row] + (position - self._starts[row]) / SAMPLE_RATE)

    def position(self, at: float) -> int:
        """The position of what sounded at that time, or after it if that was lost; beyond the ends too."""
        row = max(0, int(np.searchsorted(self._ats, at, "right")) - 1)
        position = int(self._starts[row]) + round((at - float(self._ats[row])) * SAMPLE_RATE)
        return position if row + 1 == len(self._starts) else min(position, int(self._starts[row + 1]))

    def cut(self, at: float, seconds: float) -> Samples:
        """What sounded from a time on, shape (n,); zeros where nothing was recorded."""
        cut = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
        start = self.position(at)
        first, last = max(0, start), min(len(self.samples), start + len(cut))
        if first < last:
            cut[first - start : last - start] = self.samples[first:last]
        return cut


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything that went through the device."""

    blocks: tuple[Block, ...]
    """In the order of its callbacks."""
    defects: Defects = field(default_factory=Defects)
    """What the device mended and counted meanwhile."""

    @property
    def heard(self) -> tuple[Block, ...]:
        """What the microphone gave."""
        return tuple(block for block in self.blocks if not block.played)

    @property
    def played(self) -> tuple[Block, ...]:
        """What the loudspeaker got."""
        return tuple(block for block in self.blocks if block.played)


def record(
    device: Device, sound: Samples, clock: Callable[[], float], opened: Callable[[], None]
) -> Recording:
    """Play a sound, shape (n,), and record until the last of it must have been heard.

    ``opened`` is called once the device is open, which is closed afterwards, whatever happens.
    Raises DeviceError.
    """
    tape = _Tape(sound, clock)
    lost: list[str] = []
    try:
        device.start(tape.capture, tape.render, lost.append)
        opened()
        deadline = clock() + len(sound) / SAMPLE_RATE + PATIENCE_S
        while not tape.full.wait(LOOK_S) and clock() < deadline:
            device.check(clock())
            if lost:
                raise DeviceError(lost[0], remedy=_REMEDY)
    finally:
        device.stop()
    return Recording(tuple(tape.blocks), replace(device.defects))


class _Tape:
    """Its methods are called from the device's threads."""

    def __init__(self, sound: Samples, clock: Callable[[], float]) -> None:
        self._sound = sound
        self._clock = clock
        self._position = 0
        self._end_at: float | None = None
        self._lock = threading.Lock()
        self.blocks: list[Block] = []
        self.full = threading.Event()

    def capture(self, samples: Samples, at: float) -> None:
        with self._lock:
            self._keep(Block(False, samples.copy(), at, self._clock()))
            if self._end_at is not None and at + len(samples) / SAMPLE_RATE >= self._end_at:
                self.full.set()

    def render(self, n: int, at: float) -> Samples:
        samples = np.zeros(n, np.float32)
        with self._lock:
            piece = self._sound[self._position : self._position + n]
            samples[: len(piece)] = piece
            self._position += n
            self._keep(Block(True, samples, at, self._clock()))
            if self._end_at is None and self._position >= len(self._sound):
                self._end_at = at + len(piece) / SAMPLE_RATE
        return samples

    def _keep(self, block: Block) -> None:
        if not self.full.is_set():
            self.blocks.append(block)
