"""The acoustics of a simulated room: impulse responses, loudspeakers, clocks, noise, levels.

Everything is mono at 24 kHz, made from a seed and nothing else, so that a scene sounds the same every time.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples

SPEED_OF_SOUND = 343.0
"""Metres a second at 20 °C."""
FRAME_S = 0.02
"""Length of the pieces in which a level is looked at."""
ACTIVE_RANGE_DB = 25.0
"""Pieces so far below the loudest one count as a pause, not as speech."""
_OVERSAMPLING = 16
"""Reflections are put on a grid so much finer than a sample before it is filtered: 2.6 µs."""
_SINC_TAPS = 64
_SCATTER_M = 0.04
"""How far walls deviate from the ideal: without it a shoe box rings in sweeps (De Sena et al. 2015)."""
_RUMBLE_HZ = 60.0
"""Reflections that never change sign pile up at 0 Hz (Allen & Berkley 1979); below this it is taken out."""

Point = tuple[float, float, float]
"""A place in a room, in metres from one of its corners."""
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shoebox:
    """A room with flat walls that are all alike."""

    size: Point
    """Length, width and height in metres."""
    t60: float
    """Seconds in which a sound dies away by 60 dB."""

    @property
    def reflection(self) -> float:
        """The share of the sound pressure that a wall gives back (Eyring 1930)."""
        x, y, z = self.size
        surface = 2.0 * (x * y + y * z + x * z)
        absorbed = 1.0 - np.exp(-24.0 * np.log(10.0) / SPEED_OF_SOUND * x * y * z / (surface * self.t60))
        return float(np.sqrt(1.0 - absorbed))


@cache
def impulse_response(room: Shoebox, source: Point, microphone: Point, seed: int = 0) -> Array:
    """How an impulse at ``source`` arrives at ``microphone``, shape (n,): Allen & Berkley's images (1979).

    Without the way through the air that all of it has in common up to the direct sound, so that a delay is
    what a scene says; as loud as at a distance of one metre times 1 / (4 pi).
    """
    seconds = 1.1 * room.t60 + 0.02
    distances, orders = _images(room, source, microphone, seconds, seed)
    direct = float(distances.min())
    places = (distances - direct) / SPEED_OF_SOUND * SAMPLE_RATE * _OVERSAMPLING
    reflection = _fitted_reflection(room, places, distances, orders)
    fine = _on_grid(places, reflection**orders / (4.0 * np.pi * distances), seconds)
    return high_pass(_decimated(fine), _RUMBLE_HZ)


def decay_s(response: Array) -> float:
    """The T60 of a response in seconds, from -5 to -35 dB of its decay (Schroeder 1965; ISO 3382)."""
    left = np.cumsum(np.square(response)[::-1])[::-1]
    decibels = 10.0 * np.log10(left / left[0] + 1e-12)
    begin, end = int(np.argmax(decibels < -5.0)), int(np.argmax(decibels < -35.0))
    slope, _ = np.polyfit(np.arange(begin, end) / SAMPLE_RATE, decibels[begin:end], 1)
    return float(-60.0 / slope)


def high_pass(sound: Array, hertz: float) -> Array:
    """What a loudspeaker of that lower edge makes of a sound, shape (n,): a Butterworth filter of order 2."""
    w = np.tan(np.pi * hertz / SAMPLE_RATE)
    norm = 1.0 / (1.0 + np.sqrt(2.0) * w + w * w)
    a1, a2 = 2.0 * (w * w - 1.0) * norm, (1.0 - np.sqrt(2.0) * w + w * w) * norm
    passed = np.empty(len(sound))
    z1 = z2 = 0.0
    for i, x in enumerate(sound.tolist()):
        y = norm * x + z1
        z1, z2 = -2.0 * norm * x - a1 * y + z2, norm * x - a2 * y
        passed[i] = y
    return passed


def convolve(sound: Samples | Array, response: Array) -> Array:
    """What arrives of a sound, shape (n,), over a response: cut to n samples."""
    size = 1 << (len(sound) + len(response) - 2).bit_length()
    product = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    arrived: Array = np.fft.irfft(product, size)[: len(sound)]
    return arrived


def delayed(sound: Array, seconds: float) -> Array:
    """The sound later by a whole number of samples; what comes before is silence, its end is lost."""
    n = round(seconds * SAMPLE_RATE)
    return np.concatenate((np.zeros(n), sound))[: len(sound)]


def drifted(sound: Array, ppm: float) -> Array:
    """A sound that was played ``ppm`` millionths too fast, as a clock without error hears it, shape (n,).

    Sample n is the sound at n (1 + ppm / 10⁶): interpolated by a windowed sinc of 64 taps.
    """
    if ppm == 0.0:
        return sound
    n = len(sound)
    padded = np.concatenate(
        (np.zeros(_SINC_TAPS), sound, np.zeros(_SINC_TAPS + round(n * abs(ppm) * 1e-6) + 1))
    )
    heard = np.empty(n)
    for begin in range(0, n, SAMPLE_RATE):
        places = np.arange(begin, min(n, begin + SAMPLE_RATE)) * (1.0 + ppm * 1e-6) + _SINC_TAPS
        whole = np.floor(places).astype(int)
        offsets = np.arange(1 - _SINC_TAPS // 2, 1 + _SINC_TAPS // 2)
        distance = (places - whole)[:, np.newaxis] - offsets
        taps = np.sinc(distance) * np.cos(np.pi * distance / (_SINC_TAPS + 2)) ** 2
        heard[begin : begin + len(places)] = np.einsum(
            "nt,nt->n", taps, padded[whole[:, np.newaxis] + offsets]
        )
    return heard


def distorted(sound: Samples | Array, total: float, asymmetry: float = 0.15) -> Array:
    """What a small loudspeaker makes of a sound, shape (n,), at its present loudness.

    A soft saturation without memory, x / sqrt(1 + (x / limit)²), as is usual for the loudspeakers of
    hands-free telephones (Nollett & Jones 1997), and a cone that moves ``asymmetry`` further one way than the
    other. ``total`` is the distortion that is left after the best linear fit, as a share of its amplitude;
    the limit is chosen such that it comes true. No linear canceller gets further than -20 log10(total) dB.
    """
    if total <= 0.0:
        return np.asarray(sound, np.float64)
    x = np.asarray(sound, np.float64)
    peak = float(np.abs(x).max())
    low, high = 0.01, 100.0  # limits in peaks of the sound; the distortion falls between them
    for _ in range(40):
        limit = np.sqrt(low * high)
        if _distortion(x, _saturated(x, limit * peak, asymmetry)) > total:
            low = limit
        else:
            high = limit
    return _saturated(x, high * peak, asymmetry)


def noise(n: int, dbfs: float, seed: int) -> Array:
    """The noise of a room and its microphone, shape (n,): pink above 50 Hz, of this root mean square."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    hertz = np.fft.rfftfreq(n, 1.0 / SAMPLE_RATE)
    pink: Array = np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 50.0)), n)
    pink *= 10.0 ** (dbfs / 20.0) / float(np.sqrt(np.mean(np.square(pink))))
    return pink


def active(sound: Samples | Array) -> NDArray[np.bool_]:
    """Where there is speech in a sound without noise, shape (n,): in pieces of 20 ms."""
    size = round(FRAME_S * SAMPLE_RATE)
    count = -(-len(sound) // size)
    padded = np.zeros(count * size)
    padded[: len(sound)] = sound
    power = np.square(padded).reshape(count, size).mean(axis=1)
    loud = power > max(float(power.max()) * 10.0 ** (-ACTIVE_RANGE_DB / 10.0), 1e-12)
    speech: NDArray[np.bool_] = np.repeat(loud, size)[: len(sound)]
    return speech


def active_dbfs(sound: Samples | Array) -> float:
    """The level of the speech in a sound without noise, its pauses left out: dB of its root mean square."""
    speech = sound[active(sound)]
    return float(10.0 * np.log10(np.mean(np.square(speech, dtype=np.float64)))) if len(speech) else -120.0


def _images(
    room: Shoebox, source: Point, microphone: Point, seconds: float, seed: int
) -> tuple[Array, Array]:
    """Distances of all images of the source within reach, and how often the sound of each was reflected."""
    reach = seconds * SPEED_OF_SOUND
    axes = []
    for size, s, m in zip(room.size, source, microphone, strict=True):
        n = np.arange(-int(reach / (2.0 * size)) - 1, int(reach / (2.0 * size)) + 2)
        away = np.concatenate((2.0 * n * size + s - m, 2.0 * n * size - s - m))
        axes.append((away, np.concatenate((np.abs(2 * n), np.abs(2 * n - 1)))))
    (x, nx), (y, ny), (z, nz) = axes
    squares = (x**2)[:, None, None] + (y**2)[None, :, None] + (z**2)[None, None, :]
    near = squares < reach**2
    orders = (nx[:, None, None] + ny[None, :, None] + nz[None, None, :])[near].astype(np.float64)
    distances = np.sqrt(squares[near])
    scatter = np.random.default_rng(seed).uniform(-_SCATTER_M, _SCATTER_M, len(distances))
    return np.where(orders > 0, np.maximum(distances + scatter, distances.min()), distances), orders


def _fitted_reflection(room: Shoebox, places: Array, distances: Array, orders: Array) -> float:
    """Eyring's reflection, corrected until the images die away as wanted: he lets sound fly at random."""
    reflection = room.reflection
    milliseconds = (places / (SAMPLE_RATE * _OVERSAMPLING) * 1e3).astype(int)
    for _ in range(6):
        powers = np.square(reflection**orders / distances)
        envelope = np.sqrt(np.repeat(np.bincount(milliseconds, powers), SAMPLE_RATE // 1000))
        reflection = reflection ** (decay_s(envelope) / room.t60)
    return float(reflection)


def _on_grid(places: Array, amplitudes: Array, seconds: float) -> Array:
    """Impulses between the points of the fine grid, each shared by its two neighbours."""
    n = (int(seconds * SAMPLE_RATE) + 2) * _OVERSAMPLING
    whole = places.astype(int)
    later = places - whole
    first: Array = np.bincount(whole, amplitudes * (1.0 - later), n)[:n].astype(np.float64)
    return first + np.bincount(whole + 1, amplitudes * later, n)[:n]


def _decimated(fine: Array) -> Array:
    """The fine grid at 24 kHz through a windowed sinc, 0.7 ms late so that all of it is kept."""
    half = 16 * _OVERSAMPLING
    offsets = np.arange(-half, half + 1)
    taps = np.sinc(0.95 * offsets / _OVERSAMPLING) * np.blackman(len(offsets)) * 0.95
    return convolve(fine, taps)[::_OVERSAMPLING]


def _saturated(x: Array, limit: float, asymmetry: float) -> Array:
    limits = np.where(x > 0.0, limit * (1.0 + asymmetry), limit * (1.0 - asymmetry))
    return x / np.sqrt(1.0 + np.square(x / limits))


def _distortion(x: Array, y: Array) -> float:
    fit = float(np.dot(x, y) / np.dot(x, x))
    return float(np.linalg.norm(y - fit * x) / np.linalg.norm(fit * x))
