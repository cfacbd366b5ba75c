"""Changes of the sample rate, in a stream and at once."""

import numpy as np
import soxr
from numpy.typing import NDArray

from moshi_speaker.audio.frames import Samples


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
