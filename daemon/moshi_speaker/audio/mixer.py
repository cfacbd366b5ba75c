"""Everything that is played comes together here: Moshi's voice and the earcons, under one volume.

The device's thread calls ``render``; everybody else may call the other methods at any time.
"""

import threading
from collections import deque

import numpy as np

from moshi_speaker.audio.activity import level_dbfs
from moshi_speaker.audio.fifo import SampleFifo
from moshi_speaker.audio.frames import FRAME_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.tempo import shorten

FADE_SAMPLES = 120
"""5 ms: how fast a sound that is cut off fades, and one that resumes comes back."""
MAX_WAITING_EARCONS = 4
"""Earcons that may wait for their turn; beyond it the oldest that waits is dropped."""
CATCH_UP_SAMPLES = 3 * FRAME_SAMPLES
"""Voice waiting to be played beyond which silent frames are skipped, so that no delay lasts."""
LATE_SAMPLES = 5 * FRAME_SAMPLES
"""Voice waiting beyond which the other frames are shortened too, until it is down to the above."""
SILENT_DBFS = -55.0
"""Level below which a frame of Moshi's counts as silent and may be skipped."""
_KNEE = 0.8
"""Amplitude from which the limiter bends; below it sound is untouched."""
_FADE_OUT = np.linspace(1.0, 0.0, FADE_SAMPLES, dtype=np.float32)
_NOTHING = np.zeros(0, np.float32)


def gain(percent: float) -> float:
    """Amplitude for a volume of 0 to 100: its cube, near to how loudness is felt (50: -18 dB, 10: -60 dB)."""
    return float((percent / 100.0) ** 3)


def limit(samples: Samples) -> Samples:
    """Bend what is louder than 0.8 smoothly towards 1, which is never exceeded."""
    loud = np.abs(samples)
    if not len(samples) or loud.max() <= _KNEE:
        return samples
    room = 1.0 - _KNEE
    bent = np.sign(samples) * (_KNEE + room * np.tanh((loud - _KNEE) / room))
    return np.where(loud <= _KNEE, samples, bent).astype(np.float32)


class Mixer:
    """Moshi's voice (a bounded FIFO that drops its oldest sound), earcons one after the other, one volume."""

    def __init__(
        self,
        volume: int,
        earcon_volume: int,
        *,
        jitter_samples: int = FRAME_SAMPLES,
        voice_seconds: float = 4.0,
    ) -> None:
        """Volumes in percent, the earcons' relative to the other; ``jitter_samples`` await late frames."""
        self._lock = threading.Lock()
        self._volume = volume
        self._duck_db = 0.0
        self._gain = gain(volume)
        self._earcon_volume = earcon_volume
        self._earcon_gain = gain(earcon_volume)
        self._jitter_samples = jitter_samples
        self._voice = SampleFifo(round(voice_seconds * SAMPLE_RATE))
        self._open = False
        self._primed = False
        self._late = False
        self._dry = True
        self._last = 0.0
        self._earcon = _NOTHING
        self._waiting: deque[Samples] = deque(maxlen=MAX_WAITING_EARCONS)
        self._tail = _NOTHING
        self._underruns = 0
        self._skipped = 0

    @property
    def volume(self) -> int:
        """Loudness of everything, 0 to 100; a change is heard within one block."""
        return self._volume

    @volume.setter
    def volume(self, percent: int) -> None:
        self._volume = min(100, max(0, percent))

    @property
    def duck_db(self) -> float:
        """Decibels by which everything is softer than the volume says, 0 or more."""
        return self._duck_db

    @duck_db.setter
    def duck_db(self, decibels: float) -> None:
        self._duck_db = decibels

    @property
    def earcon_volume(self) -> int:
        """Loudness of earcons relative to the volume, 0 to 100; a change is heard within one block."""
        return self._earcon_volume

    @earcon_volume.setter
    def earcon_volume(self, percent: int) -> None:
        self._earcon_volume = percent
        self._earcon_gain = gain(percent)

    @property
    def underruns(self) -> int:
        """How often an open voice stream ran dry."""
        return self._underruns

    @property
    def skipped_frames(self) -> int:
        """Silent frames of the voice that were left out to catch up."""
        return self._skipped

    @property
    def voice_overflow(self) -> int:
        """Samples of the voice dropped because too much was waiting."""
        return self._voice.overflow

    @property
    def voice_backlog_s(self) -> float:
        """Seconds of the voice that wait to be played."""
        return len(self._voice) / SAMPLE_RATE

    def open_voice(self) -> None:
        """A conversation begins: frames are expected in time from the first one on."""
        with self._lock:
            self._open = True
            self._primed = False

    def close_voice(self) -> None:
        """No more frames will come; what is there is still played."""
        with self._lock:
            self._open = False

    def play_voice(self, samples: Samples) -> None:
        """Append a frame of Moshi's voice; ignored while no voice stream is open."""
        with self._lock:
            if not self._open:
                return
            waiting = len(self._voice)
            if waiting > CATCH_UP_SAMPLES and level_dbfs(samples) < SILENT_DBFS:
                self._skipped += 1
                return
            self._late = waiting > (CATCH_UP_SAMPLES if self._late else LATE_SAMPLES)
            if self._late:
                samples = shorten(samples)
            if not self._primed:
                self._primed = True
                self._voice.put(np.zeros(self._jitter_samples, np.float32))
            self._voice.put(samples)

    def play(self, samples: Samples) -> None:
        """Play a short sound of our own after those that wait already, over the voice."""
        with self._lock:
            self._waiting.append(samples)

    def silence(self) -> None:
        """Forget everything that waits; what sounds fades within 5 ms."""
        with self._lock:
            fading = self._pull(FADE_SAMPLES)
            self._voice.clear()
            self._waiting.clear()
            self._earcon = _NOTHING
            self._tail = fading * _FADE_OUT
            self._primed = False
            self._dry = True
            self._last = 0.0

    def render(self, n: int, at: float) -> Samples:
        """The next n samples to play, shape (n,), within [-1, 1], whenever they will sound."""
        with self._lock:
            target = gain(self._volume) * 10.0 ** (-self._duck_db / 20.0)
            if self._silent:  # most of the time
                played = np.zeros(n, np.float32)
            else:
                steps = np.linspace(self._gain, target, n, dtype=np.float32)
                played = limit(self._pull(n) * steps)
            self._gain = target
            return played

    @property
    def _silent(self) -> bool:
        waiting = len(self._voice) or len(self._earcon) or self._waiting or len(self._tail)
        return self._dry and not waiting

    def _pull(self, n: int) -> Samples:
        """Mix the next n samples; what a fade needs beyond them becomes the next tail."""
        mix = np.zeros(n + FADE_SAMPLES, np.float32)
        mix[: len(self._tail)] = self._tail
        self._add_voice(mix, n)
        self._add_earcons(mix[:n])
        self._tail = mix[n:].copy() if mix[n:].any() else _NOTHING
        return mix[:n]

    def _add_voice(self, mix: Samples, n: int) -> None:
        voice = self._voice.take(n)
        if len(voice):
            if self._dry:
                voice[:FADE_SAMPLES] *= 1.0 - _FADE_OUT[: len(voice)]
            self._dry = False
            self._last = float(voice[-1])
            mix[: len(voice)] += voice
        if len(voice) < n and not self._dry:
            mix[len(voice) : len(voice) + FADE_SAMPLES] += self._last * _FADE_OUT
            self._dry = True
            self._underruns += self._open

    def _add_earcons(self, mix: Samples) -> None:
        done = 0
        while done < len(mix) and (len(self._earcon) or self._waiting):
            if not len(self._earcon):
                self._earcon = self._waiting.popleft()
            piece = self._earcon[: len(mix) - done]
            mix[done : done + len(piece)] += self._earcon_gain * piece
            self._earcon = self._earcon[len(piece) :]
            done += len(piece)
