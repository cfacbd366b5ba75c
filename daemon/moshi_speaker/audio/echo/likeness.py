"""Whether the microphone grows loud and soft with what is played, at whatever delay.

An echo that comes later than the filter reaches, as from a wireless loudspeaker, or by a path that changes
all the time, is never located, and yet is heard. The syllables of speech tell it from a room without one.
"""

import numpy as np
from numpy.typing import NDArray

_KEPT = 800
"""Hops that are compared: 8 s."""
_LATEST = 250
"""Hops by which the echo may come later: 2.5 s."""
_SMOOTHING = 5
"""Hops over which loudness is averaged: less would show the periods of the voice."""
_SYLLABLES = 50
"""Hops around each one whose average is taken off: two who talk in turns are not alike."""
_EVERY = 50
"""Hops between two comparisons."""
_ALIKE, _UNLIKE = 0.6, 0.5
"""Correlation from which they are alike, and below which they are so no longer: an echo has 0.6 and
more, also while somebody as loud talks, two voices have 0.45 at most (espeak-ng, T60 up to 0.6 s)."""
_SOFTEST = 1e-6
"""Power below which differences do not count: -60 dBFS."""


class Likeness:
    """Fed hop by hop, while something is played and no echo is located."""

    def __init__(self) -> None:
        self._played = np.zeros(_KEPT)
        self._heard = np.zeros(_KEPT)
        self._hops = 0
        self.alike = False
        """Whether the microphone follows what is played."""

    def hop(self, played: float, heard: float, noise: float) -> None:
        """Take the powers of a hop of what was played and of the microphone, and the latter's noise floor."""
        self._played[self._hops % _KEPT] = np.log(max(played, _SOFTEST))
        self._heard[self._hops % _KEPT] = np.log(max(heard, noise, _SOFTEST))
        self._hops += 1
        if self._hops >= _KEPT and self._hops % _EVERY == 0:
            likeness = self._correlation()
            self.alike = likeness > (_UNLIKE if self.alike else _ALIKE)

    def forget(self) -> None:
        """Begin anew."""
        self._hops = 0
        self.alike = False

    def _correlation(self) -> float:
        """The highest one at any delay, -1 to 1."""
        turn = self._hops % _KEPT
        played, heard = (_syllables(np.roll(rows, -turn)) for rows in (self._played, self._heard))
        n = len(played) - _LATEST
        lags = range(0, _LATEST, 2)
        return max(_alike(played[_LATEST - lag : _LATEST - lag + n], heard[_LATEST:]) for lag in lags)


def _syllables(loudness: NDArray[np.float64]) -> NDArray[np.float64]:
    """What changes within a syllable or two, shape (n,)."""
    smooth = np.convolve(loudness, np.full(_SMOOTHING, 1.0 / _SMOOTHING), "valid")
    slow = np.convolve(smooth, np.full(_SYLLABLES, 1.0 / _SYLLABLES), "valid")
    begin = (len(smooth) - len(slow)) // 2
    return smooth[begin : begin + len(slow)] - slow


def _alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    energy = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / energy if energy > 1e-9 else 0.0
