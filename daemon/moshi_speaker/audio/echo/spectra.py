"""The spectra of what was played, newest first: what every filter of the echo canceller works on."""

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.frames import HOP_SAMPLES, Samples

FFT_SAMPLES = 2 * HOP_SAMPLES
"""Each spectrum is of a hop and the one before it, as overlap-save needs."""
BINS = HOP_SAMPLES + 1

Spectrum = NDArray[np.complex64]
Power = NDArray[np.float32]


class Spectra:
    """Spectra of the latest hops, and their power; the newest has row 0."""

    def __init__(self, rows: int) -> None:
        """``rows`` hops can be looked at."""
        self._rows = rows
        self._at = rows
        self._spectra = np.zeros((2 * rows, BINS), np.complex64)
        self._power = np.zeros((2 * rows, BINS), np.float32)
        self._before = np.zeros(HOP_SAMPLES, np.float32)
        self._quiet = rows + 1

    @property
    def silent(self) -> bool:
        """Whether nothing was played in all the hops that can be looked at."""
        return self._quiet > self._rows

    def push(self, hop: Samples) -> None:
        """The next hop that was played, shape (240,)."""
        quiet = not hop.any()
        if quiet and self.silent:
            return
        self._quiet = self._quiet + 1 if quiet else 0
        if self._at == 0:
            for ring in (self._spectra, self._power):
                ring[self._rows + 1 :] = ring[: self._rows - 1]
            self._at = self._rows + 1
        self._at -= 1
        spectrum = np.fft.rfft(np.concatenate((self._before, hop)))
        self._spectra[self._at] = spectrum
        self._power[self._at] = np.square(spectrum.real) + np.square(spectrum.imag)
        self._before = hop

    def rebuild(self, sound: Samples) -> None:
        """Forget everything for what was played by a new account: shape (240 (rows + 1),), oldest first."""
        hops = sound.reshape(-1, HOP_SAMPLES)
        spectra = np.fft.rfft(np.concatenate((hops[:-1], hops[1:]), axis=1), axis=1)[::-1]
        self._at = self._rows
        self._spectra[self._rows :] = spectra
        self._power[self._rows :] = np.square(spectra.real) + np.square(spectra.imag)
        self._before = hops[-1]
        loud = np.flatnonzero(hops.any(axis=1))
        self._quiet = len(hops) - 1 - int(loud[-1]) if len(loud) else len(hops)

    @property
    def rows(self) -> int:
        """Hops that can be looked at."""
        return self._rows

    def window(self, rows: int, back: int = 0) -> tuple[Spectrum, Power]:
        """Spectra and power of ``rows`` hops, shape (rows, 241) each, as they were ``back`` hops ago."""
        part = slice(self._at + back, self._at + back + rows)
        return self._spectra[part], self._power[part]
