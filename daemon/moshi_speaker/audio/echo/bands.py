"""Bands of the spectrum in which residual echo and noise are measured and turned down."""

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.echo.spectra import BINS
from moshi_speaker.audio.frames import HOP_SAMPLES, SAMPLE_RATE

COUNT = 20
_HERTZ_A_BIN = SAMPLE_RATE / (2 * HOP_SAMPLES)

Bands = NDArray[np.float32]
"""One value a band, shape (20,)."""


def _centres() -> NDArray[np.float64]:
    """In bins, evenly spaced on the mel scale (O'Shaughnessy 1987: 2595 log10(1 + f / 700))."""
    mel = np.linspace(0.0, 2_595.0 * np.log10(1.0 + SAMPLE_RATE / 2 / 700.0), COUNT)
    return np.asarray(700.0 * (10.0 ** (mel / 2_595.0) - 1.0) / _HERTZ_A_BIN)


def _triangles() -> NDArray[np.float32]:
    """Share of each bin in each band, shape (20, 241); the shares of a bin add up to 1."""
    return np.stack(
        [np.interp(np.arange(BINS), _centres(), np.eye(COUNT)[band]) for band in range(COUNT)]
    ).astype(np.float32)


SHARES = _triangles()


def power(samples: NDArray[np.float32]) -> Bands:
    """Mean square of a hop in each band, shape (20,); their sum is that of the hop, nearly."""
    spectrum = np.fft.rfft(samples, 2 * HOP_SAMPLES)
    density = (np.square(spectrum.real) + np.square(spectrum.imag)).astype(np.float32)
    bands: Bands = SHARES @ density * np.float32(1.0 / HOP_SAMPLES**2)
    return bands


def spread(values: Bands) -> NDArray[np.float32]:
    """Values of bands as values of bins, shape (241,)."""
    bins: NDArray[np.float32] = values @ SHARES
    return bins
