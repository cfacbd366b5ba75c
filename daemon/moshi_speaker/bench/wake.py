"""From the wake word to the first sound and to Moshi: the whole speaker, but for the sound card."""

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import as_file, files

from moshi_speaker.audio.frames import Capture, Device, Lost, Render, Samples
from moshi_speaker.audio.room import RoomDevice
from moshi_speaker.audio.wavfile import read_audio
from moshi_speaker.bench.alternate import Clock
from moshi_speaker.bench.engines import Ready, TellingEngine
from moshi_speaker.bench.event_loop import event_loop
from moshi_speaker.bench.report import OURS, Times
from moshi_speaker.engine.interface import AnsweredFrame, Status
from moshi_speaker.errors import SpeakerError
from moshi_speaker.events import StopRequested
from moshi_speaker.settings import Settings, WakeSettings
from moshi_speaker.speaker.daemon import Speaker
from moshi_speaker.wake.auto import open_engine
from moshi_speaker.wake.detector import Detection, Detector, WakeChunk
from moshi_speaker.wake.policy import WakePolicy

PREROLL_S = 1.5
"""Seconds of sound before the detection that Moshi is given, to be caught up with."""
LISTEN_S = 2.5
"""Seconds of silence before the wake word: the detector's gate and its rest are over."""
LIMIT_S = 30.0
"""Seconds that one talk may take until Moshi has caught up."""
PARTS = ("wake: first sound", "wake: in the model", "wake: caught up")
"""From the detection to the first sample that is played, to the moment at which the model begins with the
first frame, and to the moment at which it has answered all that was said meanwhile."""


class Watch:
    """Notes when what happens between the detection and the end of the catching up."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.caught_up = asyncio.Event()
        self.times_ms: dict[str, list[float]] = {part: [] for part in PARTS}
        self._loop = asyncio.get_running_loop()
        self._detected: float | None = None

    def detect(self, detection: Detection) -> None:
        """The wake word was heard; it ended, as the detector has it, at ``detection.at``."""
        self._detected = detection.at
        self._open = set(PARTS)

    def note(self, part: str, at: float) -> None:
        """Something came to pass at ``at``; only its first time after a detection counts."""
        if self._detected is None or part not in self._open:
            return
        self._open.remove(part)
        self.times_ms[part].append(1_000.0 * (at - self._detected))
        if not self._open:
            self._loop.call_soon_threadsafe(self.caught_up.set)


class WatchedDetector(Detector):
    """A detector whose detections are noted."""

    def __init__(self, settings: WakeSettings, watch: Watch) -> None:
        """Raises MissingPartError where no wake word can be detected."""
        super().__init__(open_engine(settings), WakePolicy.from_settings(settings))
        self._watch = watch

    def hear(self, chunk: WakeChunk, at_end: float) -> Detection | None:
        """As the detector does."""
        detection = super().hear(chunk, at_end)
        if detection is not None:
            self._watch.detect(detection)
        return detection


class WatchedDevice:
    """A device whose first sound is noted."""

    def __init__(self, device: Device, watch: Watch) -> None:
        self._device = device
        self._watch = watch
        self.description = device.description
        self.defects = device.defects
        self.set_capture = device.set_capture
        self.check = device.check
        self.stop = device.stop

    def start(self, capture: Capture, render: Render, lost: Lost, *, capturing: bool = True) -> None:
        """Open the device."""

        def watched(n: int, at: float) -> Samples:
            samples = render(n, at)
            if samples.any():
                self._watch.note(PARTS[0], self._watch.clock())
            return samples

        self._device.start(capture, watched, lost, capturing=capturing)


class WatchedEngine(TellingEngine):
    """An engine whose first frame is noted, and when it has caught up."""

    def __init__(self, settings: Settings, status: Status, ready: Ready, watch: Watch) -> None:
        """``ready`` tells when the engine is, or why it never will be."""
        super().__init__(settings, status, ready)
        self._watch = watch

    async def frames(self) -> AsyncIterator[AnsweredFrame]:
        """As the engine does."""
        async for answer in super().frames():
            now = self._watch.clock()
            if answer.sequence == 0:
                self._watch.note(PARTS[1], now - answer.timings.compute_ms / 1_000.0)
            if not answer.backlog:
                self._watch.note(PARTS[2], now)
            yield answer


def time_wake(model: str, rounds: int, clock: Clock) -> list[Times]:
    """Say the wake word ``rounds`` times and watch. Raises SpeakerError where a part is missing."""
    with asyncio.Runner(loop_factory=event_loop) as runner:
        watched = runner.run(_watch(model, rounds, clock))
    return [Times(part, OURS, tuple(times_ms)) for part, times_ms in watched.times_ms.items()]


async def _watch(model: str, rounds: int, clock: Clock) -> Watch:
    settings = Settings.model_validate(
        {
            "model": {"source": model, "seed": 1},
            "engine": {"too_slow": "warn"},
            "conversation": {"preroll_s": PREROLL_S},
            "mqtt": {"enabled": False},
        }
    )
    watch = Watch(clock)
    ready: Ready = asyncio.get_running_loop().create_future()
    room = RoomDevice([], clock=clock)
    speaker = Speaker(
        settings,
        WatchedDevice(room, watch),
        WatchedDetector(settings.wake, watch),
        lambda status: WatchedEngine(settings, status, ready, watch),
        clock,
    )
    running = asyncio.create_task(speaker.run())
    talking = asyncio.create_task(_talk(speaker, room, watch, ready, rounds))
    try:
        await asyncio.wait({running, talking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        talking.cancel()
        if not running.done():
            speaker.stop()
        await running
    await talking
    return watch


async def _talk(speaker: Speaker, room: RoomDevice, watch: Watch, ready: Ready, rounds: int) -> None:
    """Wake the speaker, let Moshi catch up, stop the talk, and again."""
    word = _wake_word()
    await ready
    for _ in range(rounds):
        await asyncio.sleep(LISTEN_S)
        room.say(word)
        try:
            await asyncio.wait_for(watch.caught_up.wait(), LIMIT_S)
        except TimeoutError:
            raise SpeakerError(f"the wake word brought no talk that caught up within {LIMIT_S:g} s") from None
        watch.caught_up.clear()
        speaker.emit(StopRequested())


def _wake_word() -> Samples:
    with as_file(files("moshi_speaker") / "data" / "hey_jarvis.wav") as path:
        return read_audio(path)
