"""What may be done to the microphone beside taking out the echo: less noise, an even level.

Both are off by default: Moshi was trained on sound as it is, and so were the wake words.
"""

from dataclasses import replace

import numpy as np

from moshi_speaker.audio.activity import FLOOR_DBFS, level_dbfs
from moshi_speaker.audio.echo import Cleaned, EchoCanceller
from moshi_speaker.audio.echo.bands import power, spread
from moshi_speaker.audio.echo.leakage import Leakage
from moshi_speaker.audio.filtering import BandFilter
from moshi_speaker.audio.frames import HOP_SAMPLES, Samples

TARGET_DBFS = -24.0
"""Level of speech that gain control aims at."""
MOST_GAIN_DB, LEAST_GAIN_DB = 20.0, -12.0
_SPEECH_DB = 12.0
"""So far above its noise floor a frame is speech, from which gain control learns."""
_DB_A_FRAME = 0.25
"""How fast gain control moves: 3 dB a second."""
_FLOOR_RISE_DB = 0.1
"""A frame, how fast its noise floor rises: 1.2 dB a second."""
_SMOOTHING = 0.4
"""Of gains from hop to hop, so that noise that is turned down does not warble."""


class NoiseSuppressor:
    """Turns each band down by as much of it as is noise (spectral subtraction: Boll 1979), within a limit."""

    def __init__(self, most_db: float) -> None:
        """No band is turned down by more than ``most_db``."""
        self._least = np.float32(10.0 ** (-most_db / 10.0))
        self._floor = Leakage()
        self._gains = np.ones(1, np.float32)
        self._filter = BandFilter()

    def clean(self, frame: Samples) -> Samples:
        """A frame, shape (n,) with n a multiple of 240, with less noise."""
        return np.concatenate([self._hop(hop) for hop in frame.reshape(-1, HOP_SAMPLES)])

    def _hop(self, hop: Samples) -> Samples:
        bands = power(hop)
        self._floor.hear(bands)
        wanted = np.maximum(1.0 - 2.0 * self._floor.noise / np.maximum(bands, 1e-12), self._least)
        self._gains = self._gains + np.float32(_SMOOTHING) * (np.sqrt(wanted) - self._gains)
        return self._filter.apply(hop, spread(self._gains.astype(np.float32)))


class GainControl:
    """Brings speech to one level, slowly."""

    def __init__(self) -> None:
        self._floor: float | None = None
        self.gain_db = 0.0
        """Present gain."""

    def level(self, frame: Samples, *, learn: bool) -> Samples:
        """A frame, shape (n,), at the level that speech should have; ``learn`` from it, or only apply."""
        before, heard = self.gain_db, level_dbfs(frame)
        if heard > FLOOR_DBFS:
            self._floor = heard if self._floor is None else min(heard, self._floor + _FLOOR_RISE_DB)
            if learn and heard > self._floor + _SPEECH_DB:
                wanted = np.clip(TARGET_DBFS - heard, LEAST_GAIN_DB, MOST_GAIN_DB)
                self.gain_db += float(np.clip(wanted - self.gain_db, -_DB_A_FRAME, _DB_A_FRAME))
        ramp = np.linspace(_amplitude(before), _amplitude(self.gain_db), len(frame), dtype=np.float32)
        return frame * ramp


def _amplitude(gain_db: float) -> float:
    return float(10.0 ** (gain_db / 20.0))


class Conditioned:
    """An echo canceller, and what is done to the sound behind it."""

    def __init__(self, echo: EchoCanceller, *, noise_suppression_db: float, gain_control: bool) -> None:
        """``noise_suppression_db`` of 0: none."""
        self._echo = echo
        self._noise_db = 0.0
        self._noise: NoiseSuppressor | None = None
        self._gain: GainControl | None = None
        self.change(noise_suppression_db, gain_control)

    def change(self, noise_suppression_db: float, gain_control: bool) -> None:
        """Do that from the next frame on; 0 dB: no suppression. From any thread.

        What stays as it was keeps what it has learnt: else the level would jump.
        """
        if noise_suppression_db != self._noise_db:
            self._noise_db = noise_suppression_db
            self._noise = NoiseSuppressor(noise_suppression_db) if noise_suppression_db else None
        if gain_control != (self._gain is not None):
            self._gain = GainControl() if gain_control else None

    def clean(self, near: Samples, at: float) -> Cleaned:
        """Clean a frame; what echo may be left is told at its new level."""
        clean, noise, gain = self._echo.clean(near, at), self._noise, self._gain
        if noise is not None:
            clean = replace(clean, pcm=noise.clean(clean.pcm))
        if gain is not None:
            pcm = gain.level(clean.pcm, learn=not clean.playing)
            louder = clean.echo_dbfs + gain.gain_db if clean.echo_dbfs > FLOOR_DBFS else FLOOR_DBFS
            clean = replace(clean, pcm=pcm, echo_dbfs=max(FLOOR_DBFS, louder))
        return clean
