"""How fast frames are computed, against how fast they come. Pure: the clock is an argument."""

from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.engine.interface import realtime_factor
from moshi_speaker.engine.protocol import FRAME_SAMPLES

PATIENCE_S = 30.0
"""Seconds for which a machine that seems too slow is measured again: it may be busy, as after it was
switched on."""
FAR_TOO_SLOW = 2.0
"""Times the bound from which it must be another reason, and a few seconds are enough."""
FAR_PATIENCE_S = 5.0
_ROUND_S = 4.0
"""Seconds after which a round ends early, so that a hopeless model does not take minutes to refuse."""
_LEAST_FRAMES = 3
"""Frames of a round that ends early."""
_SAMPLE_RATE = 24_000
_SYLLABLE_HZ = 4.0
_LOUDNESS = 0.05
"""Root mean square of the loud half: -26 dB, as people at a microphone."""

Step = Callable[[NDArray[np.float32]], object]
"""Computes one frame, shape (1920,), whole."""


def measure(
    step: Step,
    frames: Sequence[NDArray[np.float32]],
    bound: float,
    clock: Callable[[], float],
    again: Callable[[], None] = lambda: None,
) -> float:
    """Milliseconds that a frame takes: the median over ``frames``, at least three.

    While its real-time factor is above ``bound``, round follows round until patience ends; the best one
    counts. ``again`` is called once, before the second round.
    """
    began = clock()
    best = _round(step, frames, clock)
    if _is_hopeful(best, bound, 0.0):
        again()
    while _is_hopeful(best, bound, clock() - began):
        best = min(best, _round(step, frames, clock))
    return best


def _is_hopeful(frame_ms: float, bound: float, waited_s: float) -> bool:
    """It is too slow, and another round might show that it is not."""
    excess = realtime_factor(frame_ms) / bound
    return excess > 1.0 and waited_s < (PATIENCE_S if excess < FAR_TOO_SLOW else FAR_PATIENCE_S)


def _round(step: Step, frames: Sequence[NDArray[np.float32]], clock: Callable[[], float]) -> float:
    began = clock()
    times: list[float] = []
    for frame in frames:
        before = clock()
        step(frame)
        times.append(clock() - before)
        if clock() - began > _ROUND_S and len(times) >= _LEAST_FRAMES:
            break
    return 1_000.0 * median(times)


def sample_frames(count: int) -> NDArray[np.float32]:
    """Sound to measure with, shape (count, 1920): silence, then noise with the colour and the syllables of
    speech, since arithmetic on zeros may take another time."""
    samples = count * FRAME_SAMPLES
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(samples))
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), samples)
    sound: NDArray[np.float64] = pink * np.sin(np.pi * _SYLLABLE_HZ * np.arange(samples) / _SAMPLE_RATE) ** 2
    sound *= _LOUDNESS / np.sqrt(np.mean(sound**2))
    sound[: samples // 2] = 0.0
    return sound.reshape(count, FRAME_SAMPLES).astype(np.float32)
