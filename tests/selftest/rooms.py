"""Rooms for the self-test: a device that plays into a room made of noise that decays, in no time."""

from dataclasses import dataclass

import numpy as np

from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.frames import (
    BLOCK_SAMPLES,
    FRAME_SAMPLES,
    SAMPLE_RATE,
    Capture,
    Lost,
    Render,
    Samples,
)
from moshi_speaker.errors import DeviceError
from moshi_speaker.selftest.programme import Programme, programme
from moshi_speaker.selftest.recording import Block, Recording


@dataclass(frozen=True)
class Room:
    """The way from the loudspeaker to the microphone, and what else the microphone hears."""

    delay_s: float = 0.06
    gain: float = 0.5
    """Of the direct sound."""
    t60_s: float = 0.3
    noise_dbfs: float = -66.0
    offset: float = 0.0
    clip: float = 1.0
    """Amplitude at which the microphone clips."""
    distortion: float = 0.0
    """Of the second harmonic, as a part of a sound at an amplitude of 0.25."""
    drift: float = 0.0
    """How much faster the loudspeaker's clock runs."""
    seed: int = 0

    def hear(self, played: Samples) -> Samples:
        """What the microphone gives while that is played, shape (n,)."""
        rng = np.random.default_rng(self.seed)
        n = len(played)
        sound = played + np.float32(self.distortion * 2.0 / 0.25) * np.square(played)
        if self.drift:
            sound = np.interp(np.arange(n) * (1.0 + self.drift), np.arange(n), sound)
        path = self.path(rng)
        size = 1 << (n + len(path)).bit_length()
        echo = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(path, size), size)[:n]
        noise = 10.0 ** (self.noise_dbfs / 20.0) * rng.standard_normal(n) if self.noise_dbfs > -120 else 0.0
        return np.clip(echo + noise + self.offset, -self.clip, self.clip).astype(np.float32)

    def path(self, rng: np.random.Generator) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """Its impulse response: a click, then noise that decays by 60 dB in t60_s, as strong as the click."""
        start = round(self.delay_s * SAMPLE_RATE)
        t = np.arange(round(max(self.t60_s, 0.001) * SAMPLE_RATE)) / SAMPLE_RATE
        tail = rng.standard_normal(len(t)) * 10.0 ** (-3.0 * t / max(self.t60_s, 0.001))
        tail *= 0.7 / np.sqrt(np.sum(np.square(tail)))
        path = np.zeros(start + len(t))
        path[start:] = tail if self.t60_s else 0.0
        path[start] += 1.0
        return self.gain * path


def played_in(room: Room, volume: int = 100, speech_s: float = 6.0) -> tuple[Recording, Programme]:
    """The self-test's recording in a room."""
    plan = programme(volume, speech_s)
    return recording(plan.sound, room.hear(plan.sound)), plan


def recording(played: Samples, heard: Samples) -> Recording:
    """Blocks as a device gives and takes them: 20 ms to play, 80 ms heard, each called when it is due."""
    blocks = [
        Block(True, played[i : i + BLOCK_SAMPLES], i / SAMPLE_RATE, i / SAMPLE_RATE - 0.02)
        for i in range(0, len(played), BLOCK_SAMPLES)
    ] + [
        Block(False, heard[i : i + FRAME_SAMPLES], i / SAMPLE_RATE, (i + FRAME_SAMPLES) / SAMPLE_RATE)
        for i in range(0, len(heard), FRAME_SAMPLES)
    ]
    return Recording(tuple(sorted(blocks, key=lambda block: block.called)))


class RoomDevice:
    """A device in such a room, which does everything while it is being started."""

    description = "a room of numbers"
    defects = Defects()

    def __init__(self, room: Room, seconds: float = 40.0, refuses: DeviceError | None = None) -> None:
        """Runs for so many seconds of its own; ``refuses`` to open if there is an error to do so with."""
        self._room = room
        self._refuses = refuses
        self._frames = round(seconds * SAMPLE_RATE) // FRAME_SAMPLES
        self.open = False
        self.now = 100.0
        """Seconds of its own clock."""

    def clock(self) -> float:
        return self.now

    def start(self, capture: Capture, render: Render, lost: Lost, *, capturing: bool = True) -> None:
        if self._refuses is not None:
            raise self._refuses
        self.open = True
        rng = np.random.default_rng(1)
        path = self._room.path(rng)
        air = np.zeros(self._frames * FRAME_SAMPLES + len(path))
        begin = self.now
        for start in range(0, self._frames * FRAME_SAMPLES, FRAME_SAMPLES):
            for block in range(start, start + FRAME_SAMPLES, BLOCK_SAMPLES):
                played = render(BLOCK_SAMPLES, begin + block / SAMPLE_RATE)
                if played.any():
                    air[block : block + BLOCK_SAMPLES + len(path) - 1] += np.convolve(played, path)
            noise = 10.0 ** (self._room.noise_dbfs / 20.0) * rng.standard_normal(FRAME_SAMPLES)
            heard = np.clip(air[start : start + FRAME_SAMPLES] + noise, -1.0, 1.0)
            self.now = begin + (start + FRAME_SAMPLES) / SAMPLE_RATE
            capture(heard.astype(np.float32), begin + start / SAMPLE_RATE)

    def set_capture(self, on: bool) -> None:
        raise AssertionError("the self-test does not mute")

    def check(self, now: float) -> None:
        raise AssertionError("nothing is to be waited for")

    def stop(self) -> None:
        self.open = False
