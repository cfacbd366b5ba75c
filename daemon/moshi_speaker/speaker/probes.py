"""The speaker's parts, as they are, with their work noted in a trace; only where one is asked for."""

from collections.abc import AsyncIterator, Sequence

from moshi_speaker.audio.activity import SileroActivity, VoiceActivity
from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.echo import Cleaned, EchoCanceller, NoEchoCanceller
from moshi_speaker.audio.frames import SAMPLE_RATE, Capture, Device, Lost, Render, Samples
from moshi_speaker.engine.interface import AnsweredFrame, EngineInfo, Status, realtime_factor
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.settings import Settings, WakeSettings
from moshi_speaker.speaker.daemon import Speaker
from moshi_speaker.speaker.listening import first_detector
from moshi_speaker.speaker.memory import Memory
from moshi_speaker.speaker.parts import stop_detector
from moshi_speaker.tracing import Tracer, Track
from moshi_speaker.wake.auto import open_detector
from moshi_speaker.wake.detector import Detector, WakeChunk, WakeEngine


class TracedDevice:
    """A device: blocks as they are captured and played, and how long the mixer took."""

    def __init__(self, device: Device, tracer: Tracer) -> None:
        self._device = device
        self._tracer = tracer
        self.set_capture = device.set_capture
        self.check = device.check
        self.stop = device.stop

    @property
    def description(self) -> str:
        """That of the device."""
        return self._device.description

    @property
    def defects(self) -> Defects:
        """Those of the device."""
        return self._device.defects

    def start(self, capture: Capture, render: Render, lost: Lost, *, capturing: bool = True) -> None:
        """Open the device."""
        tracer = self._tracer

        def captured(samples: Samples, at: float) -> None:
            tracer.following(Track.MICROPHONE, "capture", at, at + len(samples) / SAMPLE_RATE)
            capture(samples, at)

        def rendered(n: int, at: float) -> Samples:
            began = tracer.clock()
            samples = render(n, at)
            ended = tracer.clock()
            tracer.following(Track.MIXER, "mixer", began, ended)
            if samples.any():
                tracer.following(Track.LOUDSPEAKER, "playback", ended, ended + n / SAMPLE_RATE)
            return samples

        self._device.start(captured, rendered, lost, capturing=capturing)


class FrontEndProbe:
    """What the front end does with a frame, and the parts of that.

    It stands in the place of the echo canceller, which hears every frame first.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._echo: EchoCanceller = NoEchoCanceller()
        self._tracer = tracer
        self._began = 0.0
        self._ended = 0.0

    def around(self, echo: EchoCanceller) -> EchoCanceller:
        """Stand before this one."""
        self._echo = echo
        return self

    def clean(self, near: Samples, at: float) -> Cleaned:
        """As the echo canceller does."""
        self._close()
        self._began = self._tracer.clock()
        clean = self._echo.clean(near, at)
        self.note("echo canceller", self._began)
        return clean

    def note(self, name: str, began: float) -> None:
        """A part of the work on this frame is done."""
        self._ended = self._tracer.clock()
        self._tracer.span(Track.FRONT_END, name, began, self._ended)

    def _close(self) -> None:
        """The work on the frame before is over."""
        if self._ended > self._began:
            self._tracer.span(Track.FRONT_END, "front end", self._began, self._ended)


class TracedActivity:
    """A voice activity detector."""

    def __init__(self, activity: VoiceActivity, probe: FrontEndProbe, tracer: Tracer) -> None:
        self._activity = activity
        self._probe = probe
        self._tracer = tracer
        self.reset = activity.reset

    def feed(self, samples: Samples) -> float:
        """As the detector does."""
        began = self._tracer.clock()
        speech = self._activity.feed(samples)
        self._probe.note("voice activity", began)
        return speech


class TracedWakeEngine:
    """A wake engine."""

    def __init__(self, engine: WakeEngine, probe: FrontEndProbe, tracer: Tracer) -> None:
        self._engine = engine
        self._probe = probe
        self._tracer = tracer
        self.reset = engine.reset
        self.close = engine.close

    @property
    def words(self) -> tuple[str, ...]:
        """Those of the engine."""
        return self._engine.words

    def scores(self, chunk: WakeChunk) -> Sequence[float]:
        """As the engine does."""
        began = self._tracer.clock()
        scores = self._engine.scores(chunk)
        self._probe.note("wake chunk", began)
        return scores


class TracedEngine(LocalEngine):
    """The engine: how long each frame waited and was worked on, as the engine's process says."""

    def __init__(self, settings: Settings, status: Status, tracer: Tracer) -> None:
        """``status`` hears what the start is busy with."""
        super().__init__(settings.model, settings.engine, status=status)
        self._tracer = tracer

    async def start(self) -> EngineInfo:
        """As the engine does."""
        began = self._tracer.clock()
        info = await super().start()
        self._tracer.following(Track.MODEL, "load", began, self._tracer.clock(), model=info.model)
        return info

    async def frames(self) -> AsyncIterator[AnsweredFrame]:
        """As the engine does."""
        async for answer in super().frames():
            trace_answer(self._tracer, answer, self._tracer.clock())
            yield answer


def trace_answer(tracer: Tracer, answer: AnsweredFrame, now: float) -> None:
    """Note the way of a frame whose answer came ``now``: its end is known to a millisecond or so."""
    compute_ms = answer.timings.compute_ms
    began = now - compute_ms / 1_000.0
    fed = min(began, now - answer.latency_ms / 1_000.0)
    number = {"session": answer.session, "frame": answer.sequence}
    tracer.overlapping(Track.QUEUE, "engine queue", fed, began, answer.sequence, **number)
    tracer.following(Track.MODEL, "frame", began, now, **number)
    tracer.counter(Track.QUEUE, "backlog", now, answer.backlog)
    tracer.counter(Track.MODEL, "real-time factor", now, realtime_factor(compute_ms))


def traced_speaker(settings: Settings, device: Device, tracer: Tracer) -> Speaker:
    """The speaker, all of whose work is noted. Raises SpeakerError."""
    probe = FrontEndProbe(tracer)
    memory = Memory(settings.speaker.state_dir)

    def make_detector(wake: WakeSettings) -> Detector | None:
        folder = settings.speaker.state_dir
        return open_detector(wake, folder, lambda engine: TracedWakeEngine(engine, probe, tracer))

    return Speaker(
        settings,
        TracedDevice(device, tracer),
        first_detector(settings.wake, memory, make_detector),
        lambda status: TracedEngine(settings, status, tracer),
        tracer.clock,
        around_echo=probe.around,
        activity=TracedActivity(SileroActivity(), probe, tracer),
        stop_detector=stop_detector(settings),
        make_detector=make_detector,
        memory=memory,
    )
