"""The sizes of sound, and the Protocol that every device keeps.

Sound is mono float32 in [-1, 1] at 24 kHz everywhere but at the wake word and the voice activity
detector, which hear 16 kHz.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.defects import Defects

SAMPLE_RATE = 24_000
"""Hertz; what Mimi works at (moshi-spec §0)."""
FRAME_SAMPLES = 1_920
"""Samples in one frame: 80 ms, one step of Moshi."""
FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
HOP_SAMPLES = 240
"""Samples in one hop of the front end: 10 ms."""
BLOCK_SAMPLES = 480
"""Samples a loudspeaker takes at once, and the least that a microphone delivers: 20 ms."""
WAKE_RATE = 16_000
"""Hertz; what wake words and voice activity are detected at."""
WAKE_CHUNK_SAMPLES = 1_280
"""Samples at 16 kHz in one chunk for the wake word: 80 ms."""

Samples = NDArray[np.float32]
"""Mono sound, shape (n,)."""

Capture = Callable[[Samples, float], None]
"""Takes captured samples, shape (n,), and the capture time of the first of them, in seconds."""
Render = Callable[[int, float], Samples]
"""Gives the next n samples to play, shape (n,), given when the first of them will sound, in seconds."""
Lost = Callable[[str], None]
"""Told, once, in one line, that the device went away."""


class Device(Protocol):
    """A microphone and a loudspeaker."""

    @property
    def description(self) -> str:
        """What the user knows it by: names of the input and the output."""

    @property
    def defects(self) -> Defects:
        """What was wrong with the sound so far, over all of its starts."""

    def start(self, capture: Capture, render: Render, lost: Lost, *, capturing: bool = True) -> None:
        """Open both directions; the callbacks are called from threads of the device.

        Without ``capturing`` the microphone stays closed, as after ``set_capture(False)``.
        Raises DeviceError when it does not open.
        """

    def set_capture(self, on: bool) -> None:
        """Let the microphone run, or stop it (the loudspeaker goes on)."""

    def check(self, now: float) -> None:
        """Say ``lost`` if a direction no longer lives at ``now``; to be called every second or so."""

    def stop(self) -> None:
        """Close both directions; after this no callback is called. May be called twice."""
