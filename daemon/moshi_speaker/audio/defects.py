"""What is wrong with captured sound, mended and counted: the counters outlive the streams of a device."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32_767 / 32_768
"""The largest sample of 16 bits: what reaches it was louder than the converter can say."""


@dataclass(slots=True)
class Defects:
    """Counts since the device was made; each is written by one thread only."""

    overflows: int = 0
    """How often the system lost captured sound because nobody fetched it."""
    underflows: int = 0
    """How often the loudspeaker had nothing to play because nothing came in time."""
    bad_samples: int = 0
    """Captured samples that were no finite number, and were replaced by zero."""
    clipped_samples: int = 0
    """Captured samples at full scale."""


def mended(sound: NDArray[np.float32], defects: Defects) -> NDArray[np.float32]:
    """The sound, any shape, in [-1, 1] and without what is no number; it is counted.

    One NaN would stay for ever in every filter and model that remembers.
    """
    finite = np.isfinite(sound)
    if not finite.all():
        defects.bad_samples += int(finite.size - np.count_nonzero(finite))
        sound = np.where(finite, sound, np.float32(0.0))
    loud = int(np.count_nonzero(np.abs(sound) >= FULL_SCALE))
    if loud:
        defects.clipped_samples += loud
        sound = np.clip(sound, -1.0, 1.0)
    return sound
