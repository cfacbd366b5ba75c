"""Nothing wakes the speaker in the first 1.28 s after a start, an unmute, a reopening or lost sound."""

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

from moshi_speaker.audio.echo import NoEchoCanceller
from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, Samples
from moshi_speaker.audio.speech import SpeechBounds, UserSpeech
from moshi_speaker.events import Event, WakeDetected
from moshi_speaker.speaker.ears import Ears
from moshi_speaker.wake.detector import Detector, WakeChunk, WakeEngine
from moshi_speaker.wake.policy import WakePolicy
from moshi_speaker.wake.trigger import GATE_CHUNKS
from tests.speaker.fakes import News


class NoisyEngine:
    """Gives its best score for as long as its windows are not full, as openwakeword may; then none."""

    words = ("hey_jarvis",)

    def __init__(self) -> None:
        self.reset()

    def scores(self, chunk: WakeChunk) -> list[float]:
        self._full += 1
        return [1.0 if self._full <= GATE_CHUNKS else 0.0]

    def reset(self) -> None:
        self._full = 0

    def close(self) -> None:
        pass


class Silent:
    """Hears no speech."""

    def feed(self, samples: Samples) -> float:
        return 0.0

    def reset(self) -> None:
        pass


class Listening:
    """Ears over an engine, at a microphone that brings loud noise."""

    def __init__(self, engine: WakeEngine, policy: WakePolicy) -> None:
        self.detector = Detector(engine, policy)
        self.now = 100.0
        self.woken: list[float] = []
        self._news = News()
        self._rng = np.random.default_rng(5)
        self.ears = Ears(
            self.detector,
            Silent(),
            NoEchoCanceller(),
            UserSpeech(SpeechBounds(threshold=0.5, margin_db=6.0, below_db=20.0)),
            emit=self._happened,
            feed=lambda frame: None,
            failed=self._failed,
        )
        self.ears.start()

    async def hear(self, frames: int) -> None:
        """Loud noise for so many frames."""
        for _ in range(frames):
            self.ears.capture(self._rng.uniform(-1.0, 1.0, FRAME_SAMPLES).astype(np.float32), self.now)
            self.now += FRAME_SECONDS
        await self._news.until(self._all_heard)
        await asyncio.sleep(0)  # what the front end's thread has handed over is dealt with

    def _all_heard(self) -> bool:
        """Looked at again and again: the front end tells nobody that it is done with a frame."""
        self._news.tell()
        return (self.ears.last_frame_at or 0.0) > self.now - FRAME_SECONDS / 2

    def _happened(self, event: Event) -> None:
        if isinstance(event, WakeDetected):
            self.woken.append(event.at)
        self.ears.close()

    def _failed(self, error: BaseException) -> None:
        raise error


@pytest.fixture
async def listen() -> AsyncIterator[Callable[[WakeEngine, WakePolicy], Listening]]:
    made: list[Listening] = []

    def begin(engine: WakeEngine, policy: WakePolicy) -> Listening:
        made.append(Listening(engine, policy))
        return made[-1]

    yield begin
    for listening in made:
        listening.ears.stop()


def unmuted(listening: Listening) -> None:
    """The microphone goes off, and on again much later."""
    listening.ears.set_hearing(False)
    listening.now += 60.0
    listening.ears.set_hearing(True)


def muted_for_a_blink(listening: Listening) -> None:
    """Off and on within one block."""
    listening.ears.set_hearing(False)
    listening.now += 0.02
    listening.ears.set_hearing(True)


def reopened_with_sound_on_the_way(listening: Listening) -> None:
    """A block of the lost device that was still on its way took the reset."""
    listening.ears.forget()
    listening.ears.capture(np.zeros(FRAME_SAMPLES, np.float32), listening.now)
    listening.now += FRAME_SECONDS + 2.0


def slept(listening: Listening) -> None:
    """The machine slept; nobody told the speaker."""
    listening.now += 3_600.0


BREAKS = [unmuted, muted_for_a_blink, reopened_with_sound_on_the_way, slept]
EAGER = WakePolicy(threshold=1e-6, patience=1, refractory_s=0.0)


@pytest.mark.parametrize("breaks", BREAKS)
async def test_an_engine_that_begins_with_noise_wakes_nobody(
    listen: Callable[[WakeEngine, WakePolicy], Listening], breaks: Callable[[Listening], None]
) -> None:
    listening = listen(NoisyEngine(), EAGER)
    await listening.hear(2 * GATE_CHUNKS)
    for _ in range(2):
        breaks(listening)
        await listening.hear(2 * GATE_CHUNKS)
    assert listening.woken == []


@pytest.mark.parametrize("breaks", BREAKS)
async def test_the_real_model_in_loud_noise_wakes_nobody_while_the_gate_is_closed(
    listen: Callable[[WakeEngine, WakePolicy], Listening], breaks: Callable[[Listening], None]
) -> None:
    pyopen = pytest.importorskip("moshi_speaker.wake.pyopen", reason="has wheels for Linux only")
    listening = listen(pyopen.PyOpenEngine(["hey_jarvis"]), EAGER)
    starts = [listening.now]
    await listening.hear(2 * GATE_CHUNKS)
    assert listening.woken, "a threshold that any noise reaches, or nothing would be shown"
    for _ in range(2):
        breaks(listening)
        starts.append(listening.now)
        await listening.hear(2 * GATE_CHUNKS)
    for begin in starts:
        after = [at - begin for at in listening.woken if at > begin]
        assert after[0] > GATE_CHUNKS * FRAME_SECONDS
        assert after[0] < (GATE_CHUNKS + 3) * FRAME_SECONDS, "it began anew, so it would wake now"


async def test_a_lost_block_does_not_make_it_deaf(
    listen: Callable[[WakeEngine, WakePolicy], Listening],
) -> None:
    engine = NoisyEngine()
    listening = listen(engine, EAGER)
    await listening.hear(2 * GATE_CHUNKS)
    listening.now += 0.06
    engine._full = 0  # from here on it would wake
    await listening.hear(2)
    assert listening.woken
