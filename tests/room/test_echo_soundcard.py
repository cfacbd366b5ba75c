"""The echo canceller behind the real device: the virtual sound card plays into its own microphone."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from moshi_speaker.audio.activity import SileroActivity
from moshi_speaker.audio.device import PyAudioDevice
from moshi_speaker.audio.echo import Cleaned
from moshi_speaker.audio.echo.canceller import KalmanCanceller
from moshi_speaker.audio.frames import FRAME_SECONDS, SAMPLE_RATE, Samples
from moshi_speaker.audio.frontend import FrontEnd
from moshi_speaker.audio.reference import Reference
from tests.room.acoustics import active
from tests.room.loopback import loopback
from tests.room.scenes import Line, played
from tests.room.soundcard import SoundCard

WAIT_S = 40.0
SPEECH_S = 12.0
SETTLED_S = 4.0
"""Seconds after the first echo from which it must be gone."""


PIECE = SAMPLE_RATE // 2


class Witness:
    """An echo canceller, and what went into it and came out."""

    def __init__(self, reference: Reference) -> None:
        self.canceller = KalmanCanceller(reference)
        self.near: list[Samples] = []
        self.out: list[Samples] = []
        self.heard_enough = threading.Event()
        self._loud = 0

    def clean(self, near: Samples, at: float) -> Cleaned:
        """As every echo canceller does."""
        cleaned = self.canceller.clean(near, at)
        self.near.append(near)
        self.out.append(cleaned.pcm)
        self._loud += bool(self._loud) or bool(np.abs(near).max() > 0.01)
        if self._loud * FRAME_SECONDS > SPEECH_S - 1.0:
            self.heard_enough.set()
        return cleaned


class Voice:
    """Moshi at 80 % volume, once."""

    def __init__(self) -> None:
        self._speech = played((Line(0.5, "man"),), round((SPEECH_S + 2.0) * SAMPLE_RATE))
        self._at = 0

    def render(self, n: int, at: float) -> Samples:
        """The next n samples, shape (n,); silence after the end."""
        piece = self._speech[self._at : self._at + n]
        self._at += n
        return np.concatenate((piece, np.zeros(n - len(piece), np.float32)))


@pytest.fixture
def echoing(soundcard: SoundCard, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundCard]:
    for name, value in soundcard.environment.items():
        monkeypatch.setenv(name, value)
    with loopback(soundcard):
        yield soundcard


def test_the_echo_over_a_real_device_is_gone(echoing: SoundCard) -> None:
    reference, failed = Reference(), list[BaseException]()
    witness, lost = Witness(reference), list[str]()
    front_end = FrontEnd(
        lambda frame: None,
        lambda chunk, at, playing: None,
        failed.append,
        echo=witness,
        activity=SileroActivity(),
    )
    device = PyAudioDevice(None, None, time.monotonic)
    front_end.start()
    try:
        device.start(front_end.capture, reference.tap(Voice().render), lost.append)
        assert witness.heard_enough.wait(WAIT_S), f"{len(witness.near)} frames were heard; {lost} {failed}"
    finally:
        device.stop()
        front_end.stop()
    assert not failed and not lost
    assert np.median(reductions(witness)) >= 25.0


def reductions(witness: Witness) -> list[float]:
    """Decibels taken from every half second of speech that is not among the first.

    Their median is what counts: a busy machine lets the sound server stumble, and the echo jumps.
    """
    near, out = np.concatenate(witness.near), np.concatenate(witness.out)
    loud = active(near)
    first = int(np.argmax(loud)) + round(SETTLED_S * SAMPLE_RATE)
    found = []
    for begin in range(first, len(near) - PIECE, PIECE):
        piece = slice(begin, begin + PIECE)
        if loud[piece].sum() > PIECE // 2:
            before, after = (float(np.sum(np.square(sound[piece]))) for sound in (near, out))
            found.append(10.0 * np.log10(before / (after + 1e-9)))
    return found
