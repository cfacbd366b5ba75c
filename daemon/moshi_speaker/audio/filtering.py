"""Sound turned up or down band by band, without any delay and without a trace where the gain is 1."""

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.frames import HOP_SAMPLES, Samples

TAPS = 128
"""Length of the filter: its bins are some 190 Hz apart, its sound is over after 5 ms."""
_FFT = 2 * HOP_SAMPLES
_FADE = np.linspace(0.0, 1.0, HOP_SAMPLES, dtype=np.float32)
_FOLD = np.concatenate(([1.0], np.full(HOP_SAMPLES - 1, 2.0), [1.0], np.zeros(HOP_SAMPLES - 1)))
"""Turns a real cepstrum into that of minimum phase (A. Oppenheim, R. Schafer, "Discrete-time signal
processing")."""
_IDENTITY = np.concatenate((np.ones(1, np.float32), np.zeros(TAPS - 1, np.float32)))


class BandFilter:
    """A filter of minimum phase whose gains may change with each hop of 240 samples."""

    def __init__(self) -> None:
        self._past = np.zeros(TAPS - 1, np.float32)
        self._taps: Samples | None = None

    def apply(self, hop: Samples, gains: NDArray[np.float32] | None) -> Samples:
        """Filter a hop, shape (240,), with the gain (above 0) of each bin, shape (241,); None: all are 1."""
        if gains is None and self._taps is None:
            self._past = hop[-len(self._past) :].copy()
            return hop
        sound = np.concatenate((self._past, hop))
        self._past = sound[-len(self._past) :]
        before = self._taps
        self._taps = None if gains is None else minimum_phase(gains)
        old, new = (
            hop if taps is None else np.convolve(sound, taps, "valid") for taps in (before, self._taps)
        )
        filtered: Samples = old + _FADE * (new - old)
        return filtered

    def skip(self, sound: Samples) -> None:
        """Sound of at least 127 samples goes by unfiltered."""
        self._past = sound[-len(self._past) :].copy()
        self._taps = None


def minimum_phase(gains: NDArray[np.float32]) -> Samples:
    """The shortest filter with these gains, shape (241,): its taps, shape (128,)."""
    if (gains == 1.0).all():
        return _IDENTITY
    cepstrum = np.fft.irfft(np.log(gains)) * _FOLD
    taps: Samples = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)))[:TAPS].astype(np.float32)
    return taps
