"""What the self-test plays: silence, a sweep, speech; and where in it each begins."""

from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.audio.mixer import gain, limit
from moshi_speaker.audio.resample import convert
from moshi_speaker.audio.wavfile import read_audio

SWEEP_HERTZ = (100.0, 10_000.0)
SWEEP_S = 2.0
SETTLE_S = 1.0
"""Seconds that devices may take to begin well: Bluetooth ones wake up first."""
REST_S = 2.0
"""Seconds of silence that are measured."""
LISTEN_S = 2.5
"""Seconds after the sweep in which it may still arrive: sound over a network is that late."""
TAIL_S = 1.0
"""Seconds after the speech."""
_SWEEP_PEAK = 0.25
_FADES = (0.05, 0.01)
"""Seconds in which the sweep fades in and out."""
_SPEECH_DBFS = -22.0
"""Level of speech, pauses left out: Moshi's, about."""
_VOICES = (1.0, 0.9, 1.12)
"""Factors of pitch and speed, so that a sentence that comes again is not the same sound."""
_PAUSE_S = 0.25
_BLOCK = SAMPLE_RATE // 50
_PAUSE_DB = 30.0
"""So far below the loudest 20 ms a piece of speech is a pause."""


@dataclass(frozen=True, slots=True)
class Programme:
    """A sound to be played, and the positions in it, in samples."""

    volume: int
    """Percent at which it is played."""
    sound: Samples
    """Shape (n,)."""
    sweep: int
    """Where the sweep begins; before it there is silence."""
    speech: int
    """Where the speech begins."""
    speech_end: int
    """Where it ends."""


def programme(volume: int, speech_s: float) -> Programme:
    """The whole of it, as loud as the speaker would be at a volume of 0 to 100."""
    parts = (_silence(SETTLE_S + REST_S), sweep(), _silence(LISTEN_S), speech(speech_s), _silence(TAIL_S))
    starts = np.cumsum([len(part) for part in parts]).tolist()
    sound = limit(np.concatenate(parts) * np.float32(gain(volume)))
    return Programme(volume, sound, sweep=starts[0], speech=starts[2], speech_end=starts[3])


def sweep() -> Samples:
    """A sine whose pitch rises by the same factor in the same time, shape (48000,).

    A. Farina, "Simultaneous measurement of impulse response and distortion with a swept-sine technique",
    2000: each harmonic that a device adds comes as an echo of its own, ahead of the sound.
    """
    t = np.arange(round(SWEEP_S * SAMPLE_RATE)) / SAMPLE_RATE
    slope = harmonic_lead(np.e)
    wave = _SWEEP_PEAK * np.sin(2.0 * np.pi * SWEEP_HERTZ[0] * slope * (np.exp(t / slope) - 1.0))
    fade = np.minimum(np.minimum(t / _FADES[0], (SWEEP_S - t) / _FADES[1]), 1.0)
    faded: Samples = (wave * np.sin(0.5 * np.pi * fade) ** 2).astype(np.float32)
    return faded


def harmonic_lead(number: float) -> float:
    """Seconds by which the harmonic of a number seems to be ahead of the sweep: T ln(n) / ln(f2 / f1)."""
    return SWEEP_S * float(np.log(number) / np.log(SWEEP_HERTZ[1] / SWEEP_HERTZ[0]))


def speech(seconds: float) -> Samples:
    """Speech of that length, shape (n,).

    A question of our own in three voices; without the wake word, which a speaker that runs would hear.
    """
    with as_file(files("moshi_speaker") / "data" / "question.wav") as path:
        sentence = _trimmed(read_audio(path))
    pause = _silence(_PAUSE_S)
    voices = [convert(sentence, round(SAMPLE_RATE * voice), SAMPLE_RATE) for voice in _VOICES]
    cycle = np.concatenate([piece for voice in voices for piece in (voice, pause)])
    cycle *= np.float32(10.0 ** ((_SPEECH_DBFS - _active_dbfs(cycle)) / 20.0))
    return np.resize(cycle, round(seconds * SAMPLE_RATE))


def _trimmed(sound: Samples) -> Samples:
    """Without the pauses before and after."""
    loud = np.flatnonzero(_loud(_power(sound)))
    return sound[loud[0] * _BLOCK : (loud[-1] + 1) * _BLOCK]


def _active_dbfs(sound: Samples) -> float:
    power = _power(sound)
    return 10.0 * float(np.log10(power[_loud(power)].mean()))


def _power(sound: Samples) -> NDArray[np.float32]:
    """Mean square of each 20 ms."""
    blocks = sound[: len(sound) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    return np.asarray(np.square(blocks).mean(axis=1))


def _loud(power: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(power > power.max() * 10.0 ** (-_PAUSE_DB / 10.0))


def _silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)
