"""What the loudspeaker played, and when: the reference of the echo canceller.

Sound lies on an axis of samples that is as continuous as the device: it goes on block by block, whatever
the time stamps jitter, and jumps only where the device lost time. It never goes back: what a loudspeaker was
given it will play.
"""

import threading

import numpy as np

from moshi_speaker.audio.frames import SAMPLE_RATE, Render, Samples

JUMP_SECONDS = 0.015
"""A block that begins so much later than the last one ended begins after a pause of the device."""


class Reference:
    """The latest seconds of what was played. One thread writes, another one reads."""

    def __init__(self, seconds: float = 3.0) -> None:
        """``seconds`` of sound are kept."""
        self._ring = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
        self._lock = threading.Lock()
        self._end = 0
        """Position after the newest sample."""
        self._end_at: float | None = None
        """When the newest sample has sounded, by the stamp of its block; None before the first."""
        self._sounded = -len(self._ring)
        """Position after the newest sample that was not zero."""

    def tap(self, mix: Render) -> Render:
        """What a device shall call in place of ``mix``: all that it is given to play is kept."""

        def render(n: int, at: float) -> Samples:
            samples = mix(n, at)
            self.put(samples, at)
            return samples

        return render

    def put(self, samples: Samples, at: float) -> None:
        """Append what sounds from time ``at`` on, shape (n,). What does not fit pushes out the oldest.

        What is not a number counts as silence: in a filter it would stay for ever.
        """
        if not np.isfinite(samples).all():
            samples = np.zeros_like(samples)
        with self._lock:
            if self._end_at is not None:
                missing = at - self._end_at
                if missing > JUMP_SECONDS:
                    self._pause(round(missing * SAMPLE_RATE))
            self._write(samples)
            self._end_at = at + len(samples) / SAMPLE_RATE

    def position(self, at: float) -> float | None:
        """The position on the axis that sounds at time ``at``; None before anything was played."""
        with self._lock:
            return None if self._end_at is None else self._end + (at - self._end_at) * SAMPLE_RATE

    def read(self, start: int, n: int) -> Samples:
        """The samples from position ``start`` on, shape (n,); zeros for those that are not known."""
        sound = np.zeros(n, np.float32)
        with self._lock:
            first = max(start, self._end - len(self._ring), 0)
            last = min(start + n, self._end)
            if first < last:
                sound[first - start : last - start] = self._copy(first, last - first)
        return sound

    def silent(self, start: int) -> bool:
        """Whether there is nothing but silence from position ``start`` on."""
        with self._lock:
            return self._sounded <= start

    def _pause(self, samples: int) -> None:
        """The device paused for so long: silence."""
        self._write(np.zeros(min(samples, len(self._ring)), np.float32))
        self._end += max(0, samples - len(self._ring))

    def _write(self, samples: Samples) -> None:
        kept = samples[-len(self._ring) :]
        at = (self._end + len(samples) - len(kept)) % len(self._ring)
        head = kept[: len(self._ring) - at]
        self._ring[at : at + len(head)] = head
        self._ring[: len(kept) - len(head)] = kept[len(head) :]
        self._end += len(samples)
        if samples.any():
            self._sounded = self._end

    def _copy(self, start: int, n: int) -> Samples:
        at = start % len(self._ring)
        head = self._ring[at : at + n]
        return np.concatenate((head, self._ring[: n - len(head)]))
