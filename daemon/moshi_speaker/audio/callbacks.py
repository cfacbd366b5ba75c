"""What happens in the callbacks of a sound device: copy, convert, return."""

from collections.abc import Callable, Mapping

import numpy as np

from moshi_speaker.audio.fifo import SampleFifo
from moshi_speaker.audio.frames import BLOCK_SAMPLES, SAMPLE_RATE, Capture, Render
from moshi_speaker.audio.resample import StreamResampler
from moshi_speaker.audio.timing import StreamClock

CONTINUE = 0
"""PortAudio's paContinue: call again."""
INPUT_OVERFLOW = 2
"""PortAudio's paInputOverflow: sound was lost before this block."""

Times = Mapping[str, float]
"""PortAudio's times of a block; not used, since some hosts leave them zero."""


class InputCallback:
    """Gives captured blocks on as 24 kHz mono, each with its capture time."""

    def __init__(self, rate: int, channels: int, capture: Capture, clock: Callable[[], float]) -> None:
        """``rate`` and ``channels`` are those of the device."""
        self._rate = rate
        self._channels = channels
        self._capture = capture
        self._clock = clock
        self._stamps = StreamClock()
        self._resampler = StreamResampler(rate, SAMPLE_RATE)
        self._taken = 0.0
        self._given = 0
        self.latency_s = 0.0
        """Seconds from the air to the callback, beside the block itself."""
        self.called_at = clock()
        """When the device called last: its sign of life."""
        self.overflows = 0
        """How often the device lost sound."""

    def __call__(
        self, data: bytes | None, frames: int, times: Times, status: int
    ) -> tuple[bytes | None, int]:
        """Take ``frames`` frames of interleaved float32."""
        self.called_at = self._clock()
        lost = bool(status & INPUT_OVERFLOW)
        self.overflows += lost
        sound = np.frombuffer(data or b"", np.float32).reshape(-1, self._channels)
        duration = frames / self._rate
        at = self._stamps.stamp(self.called_at - self.latency_s - duration, duration, lost=lost)
        samples = self._resampler.feed(sound.mean(axis=1) if self._channels > 1 else sound[:, 0].copy())
        held = self._taken - self._given / SAMPLE_RATE
        self._taken += duration
        self._given += len(samples)
        if len(samples):
            self._capture(samples, at - held)
        return None, CONTINUE


class OutputCallback:
    """Fetches 24 kHz mono for a device in blocks of 20 ms, and gives it what it takes."""

    def __init__(self, rate: int, channels: int, render: Render, clock: Callable[[], float]) -> None:
        """``rate`` and ``channels`` are those of the device."""
        self._rate = rate
        self._channels = channels
        self._render = render
        self._clock = clock
        self._resampler = StreamResampler(SAMPLE_RATE, rate)
        self._ready = SampleFifo(8 * rate)
        self._stamps = StreamClock()
        self.latency_s = 0.0
        """Seconds from the callback until its sound is in the air."""
        self.called_at = clock()
        """When the device called last: its sign of life."""

    def __call__(
        self, data: bytes | None, frames: int, times: Times, status: int
    ) -> tuple[bytes | None, int]:
        """Give ``frames`` frames of interleaved float32."""
        self.called_at = self._clock()
        at = self._stamps.stamp(self.called_at + self.latency_s, frames / self._rate)
        if self._rate == SAMPLE_RATE:
            samples = self._render(frames, at)
        else:
            while (held := len(self._ready)) < frames:
                self._ready.put(self._resampler.feed(self._render(BLOCK_SAMPLES, at + held / self._rate)))
            samples = self._ready.take(frames)
        interleaved = np.repeat(samples, self._channels) if self._channels > 1 else samples
        return interleaved.astype(np.float32, copy=False).tobytes(), CONTINUE
