"""What happens in the callbacks of a sound device: copy, convert, return."""

from collections.abc import Callable, Mapping

import numpy as np

from moshi_speaker.audio.defects import Defects, mended
from moshi_speaker.audio.fifo import SampleFifo
from moshi_speaker.audio.frames import BLOCK_SAMPLES, SAMPLE_RATE, Capture, Render, Samples
from moshi_speaker.audio.resample import StreamResampler, to_int16
from moshi_speaker.audio.selection import StreamForm
from moshi_speaker.audio.timing import PlaybackClock, StreamClock

CONTINUE = 0
"""PortAudio's paContinue: call again."""
INPUT_OVERFLOW = 2
"""PortAudio's paInputOverflow: sound was lost before this block."""
OUTPUT_UNDERFLOW = 4
"""PortAudio's paOutputUnderflow: there was a hole before this block."""

Times = Mapping[str, float]
"""PortAudio's times of a block; not used, since some hosts leave them zero."""


class InputCallback:
    """Gives captured blocks on as 24 kHz mono, each with its capture time."""

    def __init__(
        self, form: StreamForm, capture: Capture, clock: Callable[[], float], defects: Defects
    ) -> None:
        """``form`` is that of the device; ``defects`` counts what is wrong with the sound."""
        self._form = form
        self._capture = capture
        self._clock = clock
        self._defects = defects
        self._stamps = StreamClock()
        self._resampler = StreamResampler(form.rate, SAMPLE_RATE)
        self._taken = 0.0
        self._given = 0
        self.latency_s = 0.0
        """Seconds from the air to the callback, beside the block itself."""
        self.called_at = clock()
        """When the device called last: its sign of life."""

    def __call__(
        self, data: bytes | None, frames: int, times: Times, status: int
    ) -> tuple[bytes | None, int]:
        """Take ``frames`` frames of interleaved samples."""
        self.called_at = self._clock()
        lost = bool(status & INPUT_OVERFLOW)
        self._defects.overflows += lost
        sound = self._mono(data or b"")
        duration = frames / self._form.rate
        at = self._stamps.stamp(self.called_at - self.latency_s - duration, duration, lost=lost)
        samples = self._resampler.feed(sound)
        held = self._taken - self._given / SAMPLE_RATE
        self._taken += duration
        self._given += len(samples)
        if len(samples):
            self._capture(samples, at - held)
        return None, CONTINUE

    def _mono(self, data: bytes) -> Samples:
        """Both channels of a stereo microphone; the first one of more.

        Arrays put their processed sound there, and may have a copy of the loudspeaker among the others.
        """
        if self._form.integers:
            sound = np.frombuffer(data, np.int16).astype(np.float32) / np.float32(32_768.0)
        else:
            sound = np.frombuffer(data, np.float32)
        channels = sound.reshape(-1, self._form.channels)
        heard = mended(channels[:, : 2 if self._form.channels == 2 else 1], self._defects)
        mono: Samples = heard.mean(axis=1) if self._form.channels == 2 else heard[:, 0].copy()
        return mono


class OutputCallback:
    """Fetches 24 kHz mono for a device in blocks of 20 ms, and gives it what it takes."""

    def __init__(
        self, form: StreamForm, render: Render, clock: Callable[[], float], defects: Defects
    ) -> None:
        """``form`` is that of the device; ``defects`` counts the holes."""
        self._form = form
        self._render = render
        self._clock = clock
        self._defects = defects
        self._resampler = StreamResampler(SAMPLE_RATE, form.rate)
        self._ready = SampleFifo(8 * form.rate)
        self._stamps = PlaybackClock()
        self.latency_s = 0.0
        """Seconds from the callback until its sound is in the air."""
        self.called_at = clock()
        """When the device called last: its sign of life."""

    def __call__(
        self, data: bytes | None, frames: int, times: Times, status: int
    ) -> tuple[bytes | None, int]:
        """Give ``frames`` frames of interleaved samples."""
        self.called_at = self._clock()
        paused = bool(status & OUTPUT_UNDERFLOW)
        self._defects.underflows += paused
        rate, channels = self._form.rate, self._form.channels
        at = self._stamps.stamp(self.called_at + self.latency_s, frames / rate, lost=paused)
        if rate == SAMPLE_RATE:
            samples = self._render(frames, at)
        else:
            while (held := len(self._ready)) < frames:
                self._ready.put(self._resampler.feed(self._render(BLOCK_SAMPLES, at + held / rate)))
            samples = self._ready.take(frames)
        interleaved = np.repeat(samples, channels) if channels > 1 else samples
        if self._form.integers:
            return to_int16(interleaved).tobytes(), CONTINUE
        return interleaved.astype(np.float32, copy=False).tobytes(), CONTINUE
