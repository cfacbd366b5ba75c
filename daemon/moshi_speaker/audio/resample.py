"""Changes of the sample rate, in a stream and at once."""

from functools import cache

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from moshi_speaker.audio.frames import SAMPLE_RATE, WAKE_RATE, Samples

TAPS = 80
"""Samples at 24 kHz that make one sample at 16 kHz."""
DELAY_SECONDS = (TAPS - 1) / 2 / SAMPLE_RATE
"""By how much the sound of a Downsampler is late: half the length of its filter, 1.6 ms."""
_STEP = 24
"""Samples taken by one row of a product, where they come in such numbers."""
_KAISER_BETA = 7.9
"""80 dB down in the stop band (Kaiser 1974)."""


class StreamResampler:
    """Converts a mono stream piece by piece.

    Output sample j is the sound at input time j / out_rate: the filter delays the delivery, not the time.
    """

    def __init__(self, in_rate: int, out_rate: int) -> None:
        """Rates in hertz; equal rates pass through."""
        self._same = in_rate == out_rate
        self._stream = soxr.ResampleStream(in_rate, out_rate, 1, dtype="float32")

    def feed(self, samples: Samples, *, last: bool = False) -> Samples:
        """Take samples, shape (n,), and give those that are ready, shape (m,); ``last`` gives the rest."""
        if self._same:
            return samples
        ready: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32), last=last)
        return ready

    def reset(self) -> None:
        """Begin a new stream."""
        self._stream.clear()


class Downsampler:
    """Converts a stream from 24 kHz to 16 kHz: two samples out for three in, at once and always.

    ``soxr`` gives its results in lumps, up to 36 ms late: a chunk would have to wait for the next frame.
    Here the sound itself is late, by ``DELAY_SECONDS``, and nothing waits.
    """

    def __init__(self) -> None:
        self._past = np.zeros(TAPS - 1, np.float32)

    def feed(self, samples: Samples) -> Samples:
        """Take samples, shape (3 n,), and give the sound of the same time less the delay, shape (2 n,)."""
        if len(samples) % 3:
            raise ValueError(f"{len(samples)} samples cannot be converted: give a multiple of three")
        sound = np.concatenate((self._past, samples))
        self._past = sound[len(samples) :]
        # Many results of one product share a window: to unfold the sound costs more than the arithmetic.
        step = _STEP if len(samples) % _STEP == 0 else 3
        bank = _bank(step)
        windows = (
            sliding_window_view(sound, len(bank))[::step] if len(samples) else sound[:0].reshape(0, len(bank))
        )
        ready: Samples = np.ascontiguousarray(windows) @ bank
        return ready.reshape(-1)

    def reset(self) -> None:
        """Begin a new stream: before it there was silence."""
        self._past = np.zeros(TAPS - 1, np.float32)


def convert(sound: Samples, in_rate: int, out_rate: int) -> Samples:
    """Convert a whole sound, shape (n,) or (n, channels), to mono at ``out_rate``, shape (m,)."""
    mono = sound if sound.ndim == 1 else sound.mean(axis=1)
    mono = np.ascontiguousarray(mono, np.float32)
    if in_rate == out_rate:
        return mono
    converted: Samples = soxr.resample(mono, in_rate, out_rate)
    return converted


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """Sound in [-1, 1] as 16-bit integers; what is louder is clipped."""
    scaled: Samples = np.clip(np.rint(samples * 32768.0), -32768, 32767)
    return scaled.astype(np.int16)


@cache
def _bank(step: int) -> NDArray[np.float32]:
    """The low-pass filter at each of its positions in ``step`` samples, shape (79 + step, 2 step / 3).

    A windowed sinc with its edge at 8 kHz; the transition from 7.2 to 8.8 kHz folds back above 7.2 kHz.
    """
    shifts = np.arange(2 * step // 3) * SAMPLE_RATE / WAKE_RATE
    offsets = np.arange(TAPS - 1 + step)[:, np.newaxis] - shifts - (TAPS - 1) / 2
    edge = 1.0 - np.square(offsets / (TAPS / 2))
    window = np.where(edge >= 0.0, np.i0(_KAISER_BETA * np.sqrt(np.clip(edge, 0.0, None))), 0.0)
    taps = np.sinc(offsets * WAKE_RATE / SAMPLE_RATE) * window
    bank: NDArray[np.float32] = (taps / taps.sum(axis=0)).astype(np.float32)
    return bank
