"""What a person would hear in a recording: our earcons, and how loud it is."""

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.earcons import earcon
from moshi_speaker.audio.frames import SAMPLE_RATE
from moshi_speaker.events import Earcon

Sound = NDArray[np.float32]

LIKENESS = 0.8
"""Normalised correlation from which a sound counts as the beginning of an earcon."""
BEGINNING = round(0.08 * SAMPLE_RATE)
"""What is looked for: the first note, whose pitch tells which it is, before Moshi can join in."""
_BLOCK = SAMPLE_RATE // 50
_FAINT = 0.02
"""Norm of what is no sound but rounding."""


def earcons_in(sound: Sound) -> list[tuple[float, Earcon]]:
    """Every earcon: when it begins, in seconds, and which it is, in this order."""
    return sorted((at, kind) for kind in Earcon for at in _places(sound, earcon(kind)[:BEGINNING]))


def levels(sound: Sound) -> Sound:
    """Root mean square of each 20 ms in dBFS, shape (n,)."""
    blocks = sound[: len(sound) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    return np.asarray(10.0 * np.log10(np.square(blocks).mean(axis=1) + 1e-12), np.float32)


def piece(sound: Sound, begin_s: float, end_s: float) -> Sound:
    """The sound between two moments."""
    return sound[round(begin_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]


def _places(sound: Sound, pattern: Sound) -> list[float]:
    n = len(pattern)
    size = len(sound) + n
    product = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(pattern, size)), size)
    power = np.concatenate(([0.0], np.cumsum(np.square(sound, dtype=np.float64))))
    norm = np.sqrt(np.maximum(power[n:] - power[:-n], 0.0))
    likeness = product[: len(norm)] / (np.linalg.norm(pattern) * np.maximum(norm, _FAINT))
    places = []
    while len(likeness) and likeness.max() > LIKENESS:
        at = int(likeness.argmax())
        places.append(at / SAMPLE_RATE)
        likeness[max(0, at - n) : at + n] = 0.0
    return places
