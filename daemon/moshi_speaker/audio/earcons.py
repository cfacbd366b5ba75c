"""The short sounds the speaker makes by itself, computed."""

from functools import cache

import numpy as np

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.events import Earcon

PEAK = 0.4
"""Largest absolute sample of every earcon: well below Moshi's voice at its loudest."""

_NOTES: dict[Earcon, tuple[tuple[float, float], ...]] = {
    Earcon.WAKE: ((0.0, 659.26), (0.09, 987.77)),  # E5 up to B5: a question
    Earcon.END: ((0.0, 783.99), (0.09, 523.25)),  # G5 down to C5: at rest
    Earcon.ERROR: ((0.0, 311.13), (0.13, 220.00)),  # E flat 4 down a tritone to A3: wrong
    Earcon.MUTE: ((0.0, 880.00), (0.09, 587.33)),  # A5 down a fifth to D5: closed
    Earcon.UNMUTE: ((0.0, 587.33), (0.09, 880.00)),  # and up again: open
}
"""Start in seconds and pitch in hertz (equal temperament, A4 = 440 Hz) of each note."""
_NOTE_SECONDS = 0.24
_ATTACK_SECONDS = 0.006
_DECAY_SECONDS = 0.06
_RELEASE_SECONDS = 0.03


@cache
def earcon(kind: Earcon) -> Samples:
    """The sound of ``kind``, shape (n,) with n at most 0.4 s; read-only."""
    notes = _NOTES[kind]
    length = round((notes[-1][0] + _NOTE_SECONDS) * SAMPLE_RATE)
    sound = np.zeros(length, np.float64)
    for start_s, pitch in notes:
        note = _note(pitch)
        start = round(start_s * SAMPLE_RATE)
        sound[start : start + len(note)] += note[: length - start]
    chime: Samples = (PEAK / np.abs(sound).max() * sound).astype(np.float32)
    chime.flags.writeable = False
    return chime


def preceded(chime: Samples, pause_s: float) -> Samples:
    """A sound after so many seconds of silence."""
    return np.concatenate((np.zeros(round(pause_s * SAMPLE_RATE), np.float32), chime)) if pause_s else chime


def _note(pitch: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A struck bar: a fundamental and two fading partials under an exponential decay, zero at both ends."""
    t = np.arange(round(_NOTE_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * pitch * t)
    tone += 0.3 * np.sin(2 * np.pi * 2 * pitch * t) * np.exp(-t / 0.05)
    tone += 0.1 * np.sin(2 * np.pi * 3 * pitch * t) * np.exp(-t / 0.03)
    attack = np.minimum(t / _ATTACK_SECONDS, 1.0)
    release = np.minimum((_NOTE_SECONDS - t) / _RELEASE_SECONDS, 1.0)
    return np.asarray(tone * attack * release * np.exp(-t / _DECAY_SECONDS))
