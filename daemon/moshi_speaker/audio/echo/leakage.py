"""How much of the echo is left behind the filter, band by band.

What is left is compared with the echo that was taken out. A near talker can only add to it: so the ratio
that is undercut a tenth of the time is that of the echo alone, also if somebody talks most of the time.
"""

import numpy as np

from moshi_speaker.audio.echo.bands import COUNT, Bands

_QUANTILE = 0.1
_STEP = 0.04
"""Nepers of power: the estimate falls by up to 16 dB a second, and rises by 1.7."""
_SMOOTHING = 0.3
"""Of powers from hop to hop, since the filter's errors come a little after the echo."""
_AUDIBLE = 10.0
"""So many times the noise an echo must be for its rest to be told from the noise."""
UNKNOWN = 1.0
"""Before anything was heard all of the echo is left."""
ANOTHER_VOICE = 0.01
"""Part of the echo's power (-20 dB) that is left at least, for all that is known when a voice begins."""
_LEAST, _MOST = 1e-5, 4.0
_NOISE_RISE = 1.003
"""Factor a hop by which the noise floor may rise: 1.3 dB a second."""
_TINY = np.float32(1e-12)
_FAINTEST = 1e-20
"""Power from which there is an echo at all."""


class Leakage:
    """Tracks noise floor and leakage; fed hop by hop."""

    def __init__(self) -> None:
        self._leak = np.full(COUNT, np.log(UNKNOWN), np.float32)
        self._echo = np.zeros(COUNT, np.float32)
        self._left = np.zeros(COUNT, np.float32)
        self._noise: Bands | None = None
        self._smooth = np.zeros(COUNT, np.float32)
        self._share: Bands | None = None
        """How the latest echo that could be heard was spread over the bands."""

    @property
    def noise(self) -> Bands:
        """Power of the noise floor, shape (20,)."""
        return np.zeros(COUNT, np.float32) if self._noise is None else self._noise

    @property
    def residual(self) -> Bands:
        """Power of the echo that is left in the latest hop, on average, shape (20,)."""
        left: Bands = np.exp(self._leak) * self._echo
        return left

    @property
    def leak(self) -> float:
        """Part of the latest echo's power that is left; it stays known when nothing is played any more."""
        if self._share is None:
            return UNKNOWN
        return max(float((np.exp(self._leak) * self._share).sum()), _LEAST)

    @property
    def reduction_db(self) -> float:
        """How much softer the echo has become."""
        return -10.0 * float(np.log10(self.leak))

    def reset(self, leak: float = UNKNOWN) -> None:
        """The filter is another one, which leaves so much of the echo's power."""
        self._leak[:] = np.log(leak)

    def relax(self) -> None:
        """What is played next may be another voice, for whose pitch the filter was not taught as well."""
        np.maximum(self._leak, np.log(ANOTHER_VOICE), out=self._leak)

    def hear(self, left: Bands) -> None:
        """Take the power of a hop behind the filter, shape (20,), and follow the noise floor."""
        if not left.any():  # a device that delivers nothing tells nothing about the room
            return
        self._smooth += _SMOOTHING * (left - self._smooth)
        if self._noise is None:
            self._noise = left.copy()
        self._noise = np.maximum(np.minimum(self._smooth, self._noise * np.float32(_NOISE_RISE)), _TINY)

    def compare(self, left: Bands, echo: Bands) -> None:
        """Take the powers of a hop behind the filter and of the echo taken out, shape (20,) each."""
        self._left += _SMOOTHING * (left - self._left)
        self._echo = np.maximum(echo, self._echo + np.float32(_SMOOTHING) * (echo - self._echo))
        total = float(self._echo.sum())
        if total > _FAINTEST:
            self._share = self._echo / np.float32(total)
        audible = self._echo > _AUDIBLE * self.noise
        ratio = np.log((self._left + _TINY) / (self._echo + _TINY))
        step = np.where(ratio < self._leak, -_STEP * (1.0 - _QUANTILE), _STEP * _QUANTILE)
        self._leak[audible] += step[audible].astype(np.float32)
        np.clip(self._leak, np.log(_LEAST), np.log(_MOST), out=self._leak)
