"""Which sample of what was played belongs to a sample of the microphone.

Both streams are counted in samples, not by their time stamps, which jitter. Two devices have two clocks:
their drift is measured at the echo itself and taken out by reading the reference a little faster or
slower, between its samples.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.frames import HOP_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.reference import JUMP_SECONDS, Reference

MAX_DRIFT = 500e-6
"""No two sound cards differ by more than some 100 ppm."""
_TAPS = 32
"""Length of the filter that reads between samples."""
_STEPS = 256
"""Places between two samples that are told apart: 0.002 samples are far below what matters."""
_FAST, _SLOW, _SETTLING = 0.4, 0.06, 10.0
"""Natural frequency of the loop that follows the drift, in radians a measurement: at first, in the end, and
after how many measurements it is half as fast as at first. Fast enough to find 50 ppm within a second of
speech, then slow enough to leave double talk alone."""
_DAMPING = 0.7
"""Of the loop: what is measured moves the position by 2 x damping x frequency, the drift by its square."""

_STEADY = 0.02
"""Of the delay by the time stamps over frames, against their jitter: 4 s."""
_ASTRAY = 0.002
"""Seconds by which it may change in silence: a drift that is wrong by 1 ppm makes 3.6 ms in an hour."""
_LONG_PAUSE = 20.0
"""Seconds after which a position by the count of samples may be wrong by a millisecond, at 50 ppm."""


class Alignment:
    """The position in the reference that is heard now."""

    def __init__(self, reference: Reference, delay: float = 0.0, drift: float | None = None) -> None:
        """``reference`` is what was played; delay and drift may be known from before."""
        self._reference = reference
        self._first_delay = delay
        self._position: float | None = None
        self._at = self._end_at = 0.0
        self._frames = 0
        self._steady = self._kept = delay
        self._measurements = 0 if drift is None else round(_SETTLING * _FAST / _SLOW)
        self.drift = drift or 0.0
        """How much faster the loudspeaker's clock runs than the microphone's, as a part of it."""
        self.jumped = False
        """Whether the microphone went on elsewhere than where it had stopped, at the latest ``follow``."""

    @property
    def delay(self) -> float:
        """By how many seconds what is heard now was played earlier, by the devices' own time stamps."""
        now = self._reference.position(self._at)
        if now is None or self._position is None:
            return self._first_delay
        return (now - self._position) / SAMPLE_RATE

    def follow(self, at: float, n: int) -> bool:
        """The microphone's next n samples begin at time ``at``. False while nothing was ever played."""
        missing = at - self._end_at
        self._at, self._end_at = at, at + n / SAMPLE_RATE
        self.jumped = self._position is None or abs(missing) > JUMP_SECONDS
        if self._position is None:
            now = self._reference.position(at)
            self._position = None if now is None else now - self._first_delay * SAMPLE_RATE
        elif self.jumped:
            self._resume(at, missing)
        if self._position is not None:
            self._frames += 1
            self._steady += max(_STEADY, 1.0 / self._frames) * (self.delay - self._steady)
        return self._position is not None

    def _resume(self, at: float, missing: float) -> None:
        """The microphone paused, as while it was muted.

        Over a long pause the clocks part, by 0.6 s in a night at 20 ppm: after it the delay by the time
        stamps is believed.
        """
        now = self._reference.position(at)
        if abs(missing) > _LONG_PAUSE and now is not None:
            self._position, self._steady = now - self._kept * SAMPLE_RATE, self._kept
        elif self._position is not None:
            self._position += missing * SAMPLE_RATE

    def hold(self) -> bool:
        """Nothing is heard that would tell where we are: keep to the time stamps, until ``keep``.

        Whether the position was put right; it is then right to about a millisecond only.
        """
        astray = self._steady - self._kept
        if abs(astray) < _ASTRAY:
            return False
        self._steady = self._kept
        if self._position is not None:
            self._position += astray * SAMPLE_RATE
        return True

    def keep(self) -> None:
        """What is heard tells where we are: the delay that ``hold`` shall keep is the present one."""
        self._kept = self._steady

    def advance(self, n: int) -> None:
        """n samples of the microphone are done."""
        self._at += n / SAMPLE_RATE
        if self._position is not None:
            self._position += n * (1.0 + self.drift)

    def read(self, n: int, *, back: int = 0) -> Samples:
        """The n samples that were played when the microphone heard those from ``back`` samples ago on."""
        if self._position is None:
            return np.zeros(n, np.float32)
        start = self._position - back * (1.0 + self.drift)
        if self.drift == 0.0:
            return self._piece(start, n)
        pieces = [  # within one of them the clocks part by a tenth of a sample at most
            self._piece(start + done * (1.0 + self.drift), min(HOP_SAMPLES, n - done))
            for done in range(0, n, HOP_SAMPLES)
        ]
        return np.concatenate(pieces)

    def _piece(self, start: float, n: int) -> Samples:
        """n samples from the position ``start`` on; the place between the samples changes on the way."""
        parted = n * self.drift
        first = int(np.floor(min(start, start + parted)))
        if start == first and parted == 0.0:
            return self._reference.read(first, n)
        sound = self._reference.read(first - _TAPS // 2 + 1, n + _TAPS)
        begin = _between(sound, start - first, n)
        if parted == 0.0:
            return begin
        fade = np.linspace(0.0, 1.0, n, dtype=np.float32)
        read: Samples = begin + fade * (_between(sound, start + parted - first, n) - begin)
        return read

    def silent_since(self, samples: int) -> bool:
        """Whether nothing was played in the latest ``samples`` samples, nor will be in the next ones."""
        return self._position is None or self._reference.silent(int(self._position) - samples)

    def move(self, samples: float) -> None:
        """What is heard now was played so many samples later than thought (earlier, if negative)."""
        if self._position is not None:
            self._position += samples
            self._steady -= samples / SAMPLE_RATE
            self._kept -= samples / SAMPLE_RATE

    def correct(self, samples: float, n: int) -> None:
        """In n samples of the microphone the reference was measured to be so many samples too early."""
        frequency = max(_SLOW, _FAST / (1.0 + self._measurements / _SETTLING))
        self._measurements += 1
        self.move(2.0 * _DAMPING * frequency * samples)
        self.drift = float(np.clip(self.drift + frequency**2 * samples / n, -MAX_DRIFT, MAX_DRIFT))


def _between(sound: Samples, fraction: float, n: int) -> Samples:
    """n samples from ``fraction``, less than 2, samples after the one at _TAPS / 2 - 1 on."""
    whole = int(np.floor(fraction))
    taps = _filters()[round((fraction - whole) * _STEPS)]
    return np.correlate(sound[whole : whole + n + _TAPS - 1], taps, "valid")


@cache
def _filters() -> NDArray[np.float32]:
    """Windowed sincs, shape (257, 32): row r gives the sound r/256 samples after its 16th sample."""
    offsets = np.arange(_TAPS) - (_TAPS // 2 - 1) - np.arange(_STEPS + 1)[:, np.newaxis] / _STEPS
    edge = np.clip(1.0 - np.square(offsets / (_TAPS / 2)), 0.0, None)
    taps = np.sinc(offsets) * np.i0(8.0 * np.sqrt(edge))
    filters: NDArray[np.float32] = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return filters
