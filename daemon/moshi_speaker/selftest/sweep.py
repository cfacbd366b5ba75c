"""The way from loudspeaker to microphone, from a sweep: delay, level, distortion, reverberation."""

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.activity import FLOOR_DBFS, level_dbfs
from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.selftest.findings import Sweep
from moshi_speaker.selftest.programme import LISTEN_S, SWEEP_HERTZ, SWEEP_S, harmonic_lead
from moshi_speaker.selftest.rest import clipped

BEFORE_S = 1.0
"""Seconds before the sweep that belong to what is measured: there its harmonics appear."""
EARLIEST_S = -0.25
"""The earliest it may seem to arrive, if the devices' account of time is wrong."""
HEARD_S = BEFORE_S + SWEEP_S + LISTEN_S
"""Seconds of the microphone that are needed."""
NOTHING = Sweep(heard=False, played_dbfs=FLOOR_DBFS, level_dbfs=FLOOR_DBFS, clipped=0.0)
"""Of a microphone that gave nothing."""
_CLEAR = 12.0
"""Height of the response's peak over the spread of the rest of it: noise alone makes 5 or so."""
_NORMAL = 0.6745
"""Median of the absolute value of noise with a spread of 1."""
_EDGE = 0.9
"""Part of the band, at each end as a ratio, over which the response fades."""
_DIRECT_S = (-0.005, 0.06)
"""Seconds around the direct sound, and around each harmonic, that are compared."""
_HARMONICS = range(2, 6)
_TAIL_S = (1.2, 1.6)
"""Seconds after the direct sound where only noise is left of the response."""
_DECAY_DB = (5.0, 25.0)
"""Between which the decay is measured (T20 of ISO 3382)."""
_ROOM_DB = 10.0
"""So far above the noise the end of the decay must be."""

Response = NDArray[np.float64]
"""An impulse response, shape (n,)."""


def measure(played: Samples, heard: Samples) -> tuple[Sweep, Response]:
    """The sweep as played, shape (48000,), and the microphone from ``BEFORE_S`` before it, for ``HEARD_S``.

    Returns the findings, and the impulse response from the direct sound on, as long as it is no noise.
    """
    response = impulse_response(played, heard)
    zero = round(BEFORE_S * SAMPLE_RATE)
    search = np.abs(response[zero + round(EARLIEST_S * SAMPLE_RATE) : len(heard) - len(played)])
    peak = int(np.argmax(search))
    lag = peak + round(EARLIEST_S * SAMPLE_RATE)
    spread = float(np.median(search)) / _NORMAL
    level = level_dbfs(played)
    if search[peak] <= _CLEAR * spread or search[peak] < 1e-6:
        return Sweep(False, level, FLOOR_DBFS, clipped(heard)), np.zeros(0)
    direct = zero + lag
    arrived = heard[direct : direct + len(played)]
    noise = heard[: round(0.25 * SAMPLE_RATE)]
    found = Sweep(
        heard=True,
        played_dbfs=level,
        level_dbfs=_without(level_dbfs(arrived), level_dbfs(noise)),
        clipped=clipped(arrived),
        delay_ms=1e3 * lag / SAMPLE_RATE,
        inverted=bool(response[direct] < 0.0),
        distortion=_distortion(response, direct),
        reverberation_s=_reverberation(response, direct),
    )
    begin, end = (direct + round(limit * SAMPLE_RATE) for limit in (0.0, _TAIL_S[0]))
    return found, response[begin:end]


def impulse_response(played: Samples, heard: Samples) -> Response:
    """What would be heard of a click, band-limited to that of the sweep, shape (len(heard),).

    The spectra are divided within the band, with an edge that leaves no ringing.
    """
    size = 1 << (len(played) + len(heard) - 1).bit_length()
    reference, sound = np.fft.rfft(played, size), np.fft.rfft(heard, size)
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    octave = np.log(np.maximum(hertz, 1.0))
    low, high = (np.log(limit) for limit in SWEEP_HERTZ)
    edge = -np.log(_EDGE)
    rise = np.clip(np.minimum(octave - low, high - octave) / (3.0 * edge), 0.0, 1.0)
    weight = np.sin(0.5 * np.pi * rise) ** 2
    power = np.square(np.abs(reference))
    tiny = 1e-4 * float(power.max()) + 1e-12
    response: Response = np.fft.irfft(weight * sound * reference.conj() / np.maximum(power, tiny), size)
    return response[: len(heard)]


def _distortion(response: Response, direct: int) -> float | None:
    """Root of the harmonics' energy over that of the sound; None where noise would be measured."""
    noise = _energy(response, direct, _TAIL_S) * (_DIRECT_S[1] - _DIRECT_S[0]) / (_TAIL_S[1] - _TAIL_S[0])
    sound = _energy(response, direct, _DIRECT_S)
    if sound < 1e3 * noise:
        return None
    places = [direct - round(harmonic_lead(number) * SAMPLE_RATE) for number in _HARMONICS]
    harmonics = [max(0.0, _energy(response, place, _DIRECT_S) - noise) for place in places]
    return float(np.sqrt(sum(harmonics) / sound))


def _reverberation(response: Response, direct: int) -> float | None:
    """From the energy that is still to come (Schroeder 1965), less that of noise; None if it is hidden."""
    noise = _energy(response, direct, _TAIL_S) / (SAMPLE_RATE * (_TAIL_S[1] - _TAIL_S[0]))
    tail = np.square(response[direct : direct + round(_TAIL_S[0] * SAMPLE_RATE)]) - noise
    to_come = np.cumsum(tail[::-1])[::-1]
    if to_come[0] <= 0.0:
        return None
    decay = 10.0 * np.log10(np.maximum(to_come / to_come[0], 1e-9))
    begin, end = (int(np.argmax(decay < -limit)) for limit in _DECAY_DB)
    random = 10.0 * np.log10(max(noise * len(tail) / to_come[0], 1e-12))
    if end - begin < SAMPLE_RATE // 1_000 or random > -_DECAY_DB[1] - _ROOM_DB:
        return None
    slope = np.polyfit(np.arange(begin, end) / SAMPLE_RATE, decay[begin:end], 1)[0]
    return float(-60.0 / slope) if slope < 0.0 else None


def _energy(response: Response, place: int, seconds: tuple[float, float]) -> float:
    begin, end = (max(0, place + round(limit * SAMPLE_RATE)) for limit in seconds)
    piece = response[begin:end]
    return float(piece @ piece)


def _without(level: float, noise: float) -> float:
    """Level of a sound, less that of the noise within it."""
    power = 10.0 ** (level / 10.0) - 10.0 ** (noise / 10.0)
    return max(FLOOR_DBFS, 10.0 * float(np.log10(max(power, 1e-12))))
