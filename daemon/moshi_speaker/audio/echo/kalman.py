"""The adaptive filter: a partitioned-block frequency-domain Kalman filter.

The echo path is cut into partitions of one hop, each with a spectrum whose bins are tracked by a Kalman
filter of their own (G. Enzner, P. Vary, "Frequency-domain adaptive Kalman filter for acoustic echo
control in hands-free telephones", 2006; partitions: F. Kuech, E. Mabande, G. Enzner, "State-space
architecture of the partitioned-block-based acoustic echo controller", 2014). Its gain follows from two
uncertainties, that of the filter and that of the microphone, in which the near talker is noise: so it
learns fast, and holds still in double talk, without a detector for either.
"""

from dataclasses import dataclass

import numpy as np

from moshi_speaker.audio.echo.spectra import BINS, Power, Spectrum
from moshi_speaker.audio.frames import HOP_SAMPLES, Samples

PARTITIONS = 36
"""Hops of 10 ms that the filter is long: 360 ms, one of them before the direct sound."""
PRIOR = 1.0
"""Variance of the first partition before anything was heard: the echo is about as loud as what is played."""
PRIOR_DECAY = 0.3
"""Rooms decay: by so many nepers of energy a partition, 1.3 dB in 10 ms, as with a T60 of 0.46 s. Telling the
filter so is worth 5 dB after the first second (measured in simulated rooms)."""
FORGETTING = 0.9998
"""Factor A of the state equation: how steady a room is from one hop to the next."""
_CONTRACTION = 0.25
"""How much of what a hop tells diminishes the uncertainty. In theory a half, as only one of two hops of an
overlap-save block is an observation; neighbouring partitions hear nearly the same in a vowel, and
count as independent: half as much again is right in practice (3 dB of echo after some seconds)."""
_EAGER, _CAUTIOUS = 3.0, 10.0
"""So many times the error's power counts as noise (twice for the half block alone): at first, when nearly all
of it is echo, and later, when it may be a near talker, whose words shall not move the filter."""
_EAGER_HOPS = 150
"""Hops with sound in them for which a filter is eager: 1.5 s."""
_AUDIBLE = 1e-3
"""Power of a bin, on average, from which a hop counts as sound: about -70 dBFS."""
_SMOOTHING = 0.9
"""Of the error's power over hops."""
_NEIGHBOURS = np.full(5, 0.2, np.float32)
"""The error's power in a single hop is averaged over five bins: one is far too random."""
_TINY = np.float32(1e-9)
_SILENCE = np.zeros(HOP_SAMPLES, np.float32)


@dataclass(frozen=True, slots=True)
class Path:
    """What a filter knows of the way of the echo."""

    response: Spectrum
    """Shape (partitions, 241)."""
    variance: Power
    """Shape (partitions, 241): how uncertain the response is."""


def unknown(partitions: int = PARTITIONS) -> Path:
    """The path of a room in which nothing was heard yet."""
    decay = PRIOR * np.exp(-PRIOR_DECAY * np.arange(partitions, dtype=np.float32))
    variance = np.repeat(decay[:, np.newaxis], BINS, axis=1)
    return Path(np.zeros((partitions, BINS), np.complex64), variance)


class KalmanFilter:
    """Learns the way from the loudspeaker to the microphone, hop by hop."""

    def __init__(self, path: Path | None = None) -> None:
        """Starts from a known path, or from nothing."""
        start = path or unknown()
        self._response = start.response.copy()
        self._variance = start.variance.copy()
        self._error_power = np.full(BINS, 1e-6, np.float32)
        self._eager = 0 if path else _EAGER_HOPS

    @property
    def path(self) -> Path:
        """What it knows by now."""
        return Path(self._response.copy(), self._variance.copy())

    def echo(self, far: Spectrum) -> Samples:
        """The echo of a hop, shape (240,), as far as it is known, given the spectra of what was played."""
        spectrum = np.einsum("mk,mk->k", far, self._response)
        echo: Samples = np.fft.irfft(spectrum)[HOP_SAMPLES:].astype(np.float32)
        return echo

    def update(self, far: Spectrum, power: Power, near: Samples) -> tuple[Samples, Samples]:
        """Hear a hop of the microphone, shape (240,), given the spectra of what was played and their power.

        Returns what is left of it and the echo that was taken out, shape (240,) each.
        """
        echo = self.echo(far)
        error = near - echo
        self._learn(far, power, np.fft.rfft(np.concatenate((_SILENCE, error))).astype(np.complex64))
        return error, echo

    def _learn(self, far: Spectrum, power: Power, error: Spectrum) -> None:
        now = np.square(error.real) + np.square(error.imag)
        self._error_power += (1.0 - _SMOOTHING) * (now - self._error_power)
        noise = np.maximum(self._error_power, np.convolve(now, _NEIGHBOURS, "same"))
        caution = _EAGER if self._eager else _CAUTIOUS
        if self._eager and power[0].mean() > _AUDIBLE:
            self._eager -= 1
        expected = np.einsum("mk,mk->k", power, self._variance) + caution * noise + _TINY
        gain = self._variance / expected
        step = np.fft.irfft(gain * far.conj() * error, axis=1)
        step[:, HOP_SAMPLES:] = 0.0  # a partition is one hop long: what lies beyond is an alias
        self._response += np.fft.rfft(step, axis=1).astype(np.complex64)
        self._variance *= 1.0 - _CONTRACTION * gain * power
        self._variance *= FORGETTING**2
        energy = np.square(self._response.real) + np.square(self._response.imag)
        self._variance += (1.0 - FORGETTING**2) * energy.mean(axis=1, keepdims=True)
