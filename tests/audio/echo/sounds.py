"""Sounds and rooms for the tests of the echo canceller, made from a seed and nothing else."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.echo import Cleaned
from moshi_speaker.audio.echo.canceller import KalmanCanceller
from moshi_speaker.audio.frames import BLOCK_SAMPLES, FRAME_SAMPLES, HOP_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.reference import Reference

START = 100.0
"""Time at which sounds begin."""


def noise(n: int, rms: float, seed: int) -> Samples:
    """White noise, shape (n,)."""
    sound: Samples = np.float32(rms) * np.random.default_rng(seed).standard_normal(n, np.float32)
    return sound


def babble(seconds: float, seed: int, rms: float = 0.1) -> Samples:
    """Noise of the colour of speech, in syllables of about 0.2 s with short pauses: shape (n,)."""
    n = round(seconds * SAMPLE_RATE)
    random = np.random.default_rng(seed)
    hertz = np.fft.rfftfreq(n, 1 / SAMPLE_RATE)
    colour = (hertz / (hertz + 120.0)) / (1.0 + (hertz / 900.0) ** 2) ** 0.5
    sound = np.fft.irfft(np.fft.rfft(random.standard_normal(n)) * colour, n)
    knots = np.arange(0, n + 2_400, 2_400)
    loudness = np.interp(np.arange(n), knots, random.choice([0.0, 0.3, 0.7, 1.0], len(knots)))
    spoken = sound * loudness
    loud: Samples = (rms * spoken / np.sqrt(np.mean(np.square(spoken)))).astype(np.float32)
    return loud


def room(
    t60: float, seed: int, delay: int = 0, level: float = 0.5, *, tail: float = 0.08
) -> NDArray[np.float64]:
    """An impulse response: the direct sound after ``delay`` samples, then noise that dies away."""
    n = round(t60 * SAMPLE_RATE)
    response = tail * np.random.default_rng(seed).standard_normal(n) * 10.0 ** (-3.0 * np.arange(n) / n)
    response[0] = 1.0
    return np.concatenate((np.zeros(delay), level * response))


def convolve(sound: Samples, response: NDArray[np.float64]) -> Samples:
    """What arrives through a room, as long as the sound."""
    size = len(sound) + len(response)
    whole = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)
    return whole[: len(sound)].astype(np.float32)


def slowed(sound: Samples, ppm: float) -> Samples:
    """The sound as heard by a microphone over whose clock the loudspeaker's runs so much faster."""
    at = np.arange(len(sound)) * (1.0 + ppm * 1e-6)
    whole = np.floor(at).astype(int)
    heard = np.zeros(len(sound))
    for offset in range(-24, 25):
        part = at - whole - offset
        window = 0.5 * (1.0 + np.cos(np.pi * part / 25.0))
        heard += sound[np.clip(whole + offset, 0, len(sound) - 1)] * np.sinc(part) * window
    return heard.astype(np.float32)


def hops(sound: Samples) -> Iterator[Samples]:
    """Hop by hop."""
    yield from sound[: len(sound) // HOP_SAMPLES * HOP_SAMPLES].reshape(-1, HOP_SAMPLES)


def power_db(sound: NDArray[np.floating]) -> float:
    """Mean square, in decibels."""
    return 10.0 * float(np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-20))


def reduction_db(before: Samples, after: Samples, begin_s: float, end_s: float) -> float:
    """How much softer the second is between two times."""
    part = slice(round(begin_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE))
    return power_db(before[part]) - power_db(after[part])


def play(reference: Reference, sound: Samples, at: float = START) -> None:
    """Play block by block from a time on."""
    for start in range(0, len(sound), BLOCK_SAMPLES):
        reference.put(sound[start : start + BLOCK_SAMPLES], at + start / SAMPLE_RATE)


class Talk:
    """A canceller over what is played, frame by frame, as in the speaker."""

    def __init__(self) -> None:
        self.reference = Reference()
        self.canceller = KalmanCanceller(self.reference)
        self.frames: list[Cleaned] = []

    def run(self, far: Samples, near: Samples, at: float = START, *, slip: float = 0.0) -> Samples:
        """Play and hear two sounds of one length; the microphone's stamps are ``slip`` seconds late."""
        begin = len(self.frames)
        for start in range(0, len(near) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            play(self.reference, far[start : start + FRAME_SAMPLES], at + start / SAMPLE_RATE)
            frame = near[start : start + FRAME_SAMPLES]
            self.frames.append(self.canceller.clean(frame, at + start / SAMPLE_RATE + slip))
        return np.concatenate([frame.pcm for frame in self.frames[begin:]])
