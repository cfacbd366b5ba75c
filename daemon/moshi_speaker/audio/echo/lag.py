"""By how much one sound comes after another: generalised cross-correlation.

With the phase transform (C. Knapp, G. Carter, "The generalized correlation method for estimation of time
delay", 1976), so that the direct sound makes a sharp peak, whatever the spectrum of speech.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples

BAND = (150.0, 5_000.0)
"""Hertz between which speech and small loudspeakers have something to say."""
_WHITENING = 0.75
"""1 would be the phase transform proper, under which noise counts as much as speech does."""
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Lag:
    """A peak of the correlation."""

    samples: float
    """How much later the sound comes; negative: earlier."""
    clearness: float
    """Height of the peak over the correlation's root mean square: 5 or so means nothing."""


def find_lag(sound: Samples, later: Samples, lags: range) -> Lag:
    """By how many samples ``later`` comes after ``sound``, both of shape (n,), with lags as given."""
    size = 1 << (len(sound) + max(abs(lags.start), abs(lags.stop)) - 1).bit_length()
    cross = np.conj(np.fft.rfft(sound, size)) * np.fft.rfft(later, size)
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    cross[(hertz < BAND[0]) | (hertz > BAND[1])] = 0.0
    strength = np.abs(cross)
    cross /= (strength + 1e-3 * strength.max() + _TINY) ** _WHITENING
    whole = np.fft.irfft(cross, size)
    correlation: NDArray[np.float64] = whole[np.asarray(lags)]
    peak = int(np.argmax(correlation))
    height = correlation[peak]
    spread = float(np.sqrt(np.mean(np.square(correlation)))) + _TINY
    return Lag(lags[peak] + _vertex(correlation, peak), float(height) / spread)


def _vertex(correlation: NDArray[np.float64], peak: int) -> float:
    """Where between the samples the peak is: the vertex of the parabola through three of them."""
    if not 0 < peak < len(correlation) - 1:
        return 0.0
    left, top, right = correlation[peak - 1 : peak + 2]
    bend = left - 2.0 * top + right
    return float(0.5 * (left - right) / bend) if bend < 0.0 else 0.0
