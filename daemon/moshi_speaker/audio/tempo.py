"""Sound made a little shorter without a change of pitch, so that a late voice can catch up."""

import numpy as np

from moshi_speaker.audio.frames import Samples

FADE_SAMPLES = 240
"""10 ms over which what was before the cut fades into what comes after it."""
SHORTEST_CUT, LONGEST_CUT = 120, 480
"""5 to 20 ms: a period of a voice, or a few of them."""
_TINY = 1e-9
_EAGERNESS = np.linspace(1.0, 1.15, LONGEST_CUT - SHORTEST_CUT + 1)
"""Of two cuts that are about as good, the longer one is taken: three periods rather than one."""


def shorten(samples: Samples) -> Samples:
    """Leave out the piece of 5 to 20 ms at whose ends the sound is most alike: whole periods of a voice.

    ``samples`` of shape (n,), at least 720; the first and the last of them stay as they are, so that frames
    still join without a click. (Synchronous overlap-add, as Verhelst and Roelands describe it in "An
    overlap-add technique based on waveform similarity", 1993.)
    """
    before = samples[:FADE_SAMPLES]
    after = samples[SHORTEST_CUT : LONGEST_CUT + FADE_SAMPLES]
    energy = np.convolve(after.astype(np.float64) ** 2, np.ones(FADE_SAMPLES), "valid")
    likeness = np.correlate(after, before, "valid") / np.sqrt(np.maximum(energy, _TINY))
    cut = SHORTEST_CUT + int(np.argmax(likeness * _EAGERNESS))
    fade = np.linspace(1.0, 0.0, FADE_SAMPLES, dtype=np.float32)
    joint = before * fade + samples[cut : cut + FADE_SAMPLES] * (1.0 - fade)
    return np.concatenate((joint, samples[cut + FADE_SAMPLES :]))
