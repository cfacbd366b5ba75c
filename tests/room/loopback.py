"""The acoustic path of the virtual sound card: what the loudspeaker plays comes back to the microphone."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.room.soundcard import SoundCard

LATENCY_MSEC = 60


@contextmanager
def loopback(card: SoundCard, latency_msec: int = LATENCY_MSEC) -> Iterator[None]:
    """Let the microphone hear the loudspeaker, so much later, until the block ends.

    Without ``adjust_time=0`` the module would resample all the time, coarsely, to keep that latency, though
    both sides have one clock.
    """
    module = (
        "module-loopback",
        "source=speaker.monitor",
        "sink=mic_in",
        f"latency_msec={latency_msec}",
        "adjust_time=0",
        "source_dont_move=true",
        "sink_dont_move=true",
    )
    number = _pactl(card, "load-module", *module)
    try:
        yield
    finally:
        _pactl(card, "unload-module", number)


def _pactl(card: SoundCard, *arguments: str) -> str:
    command = ["pactl", *arguments]
    done = subprocess.run(
        command, env=os.environ | card.environment, capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()
