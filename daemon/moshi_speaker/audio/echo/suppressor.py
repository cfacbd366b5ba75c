"""Turns the echo that is left down to the noise of the room, while nobody else speaks.

It never touches double talk: as soon as there is more sound than the echo can have left, all gains are 1
for a while. That is what a full-duplex model needs, and where the usual suppressors fail.
"""

import numpy as np

from moshi_speaker.audio.echo.bands import Bands, spread
from moshi_speaker.audio.filtering import BandFilter
from moshi_speaker.audio.frames import Samples

_FLOOR = 0.05
"""Gain of power at the least: -13 dB."""
_EXCESS = 8.0
"""So many times the residual of the echo's faintest moments its loudest ones have: 9 dB."""
_SPEECH = 1.5
"""So many times that, and the noise, a sound must be to be somebody's: another 2 dB."""
_WORKING = 0.3
"""A filter that leaves more of the echo than that does not know it, so nothing can be told from it."""
_RELEASE = 0.07
"""Part of the way from double talk to echo alone in a hop: 0.15 s."""
_BY_EAR = 0.98
"""A gain above it need not be applied."""


class Suppressor:
    """Works on the sound behind the filter, hop by hop."""

    def __init__(self) -> None:
        self._filter = BandFilter()
        self._alone = 0.0

    def suppress(self, hop: Samples, power: Bands, residual: Bands, noise: Bands, leak: float) -> Samples:
        """A hop, shape (240,), without most of its residual echo, given its powers, shape (20,) each.

        ``leak`` is the part of the echo's power that is left.
        """
        most = _EXCESS * residual if leak < _WORKING else np.zeros_like(residual)
        if float(power.sum()) > _SPEECH * float((most + noise).sum()):
            self._alone = 0.0
        else:
            self._alone += _RELEASE * (1.0 - self._alone)
        wanted = np.maximum(
            1.0 - most / np.maximum(power, 1e-12), np.maximum(_FLOOR, noise / power.clip(1e-12))
        )
        gains = np.sqrt(1.0 - self._alone * (1.0 - np.minimum(wanted, 1.0))).astype(np.float32)
        return self._filter.apply(hop, None if gains.min() > _BY_EAR else spread(gains))

    def skip(self, sound: Samples) -> None:
        """Nothing is played: sound of some hops goes by as it is."""
        self._filter.skip(sound)
        self._alone = 0.0
