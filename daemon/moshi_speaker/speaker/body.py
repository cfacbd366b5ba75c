"""The speaker's parts, each tied to those that it works with; their start and their end."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from moshi_speaker import events as ev
from moshi_speaker.audio.activity import SileroActivity, VoiceActivity
from moshi_speaker.audio.echo import EchoCanceller
from moshi_speaker.audio.frames import Device
from moshi_speaker.audio.mixer import Mixer
from moshi_speaker.audio.reference import Reference
from moshi_speaker.audio.speech import MoshiSpeech, UserSpeech
from moshi_speaker.engine.interface import Engine, Status
from moshi_speaker.errors import SpeakerError
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import bounds, tuning
from moshi_speaker.speaker.about import About
from moshi_speaker.speaker.ears import Ears
from moshi_speaker.speaker.figures import Figures
from moshi_speaker.speaker.health import Health
from moshi_speaker.speaker.heartbeat import Miss, Signs
from moshi_speaker.speaker.keeping import Keeping
from moshi_speaker.speaker.listening import Listening, MakeDetector, maker, remembered
from moshi_speaker.speaker.live import LiveSettings
from moshi_speaker.speaker.memory import Memory
from moshi_speaker.speaker.microphone import Microphone
from moshi_speaker.speaker.reporting import Reporting
from moshi_speaker.speaker.sound import Sound
from moshi_speaker.speaker.tasks import Tasks
from moshi_speaker.speaker.vitals import Vitals
from moshi_speaker.speaker.voice import Voice
from moshi_speaker.wake.auto import bundled_words
from moshi_speaker.wake.choice import choices
from moshi_speaker.wake.detector import Detector

CLOSE_S = 2.5
"""Seconds for engine and device to close; with the broker's farewell the whole stop stays below 5 s."""


class Owner(Protocol):
    """Who decides what the parts do. All is called in the event loop."""

    def emit(self, event: ev.Event) -> None:
        """Something happened."""

    def request(self, request: ev.Request) -> None:
        """Somebody asked for something that is no matter of the conversation."""

    def fail(self, error: BaseException) -> None:
        """A part broke in a way that nobody expected."""

    def engine_lost(self, error: SpeakerError) -> None:
        """An engine could not start, or ended."""

    def part_hangs(self, miss: Miss) -> None:
        """A part that is none of the sound device stands still."""


class Body:
    """All parts; used from the event loop only, which must be running when it is made."""

    def __init__(
        self,
        settings: Settings,
        device: Device,
        detector: Detector | None,
        make_engine: Callable[[Status], Engine],
        clock: Callable[[], float],
        owner: Owner,
        *,
        around_echo: Callable[[EchoCanceller], EchoCanceller],
        activity: VoiceActivity | None,
        stop_detector: Detector | None,
        make_detector: MakeDetector | None,
        memory: Memory,
        asleep: Callable[[], float],
        boot_id: str,
    ) -> None:
        """As the speaker is made; the ``owner`` hears what happens. ``boot_id`` differs at each start."""
        self._clock = clock
        wake = remembered(settings.wake, memory)
        threshold = settings.wake.model_copy(update={"threshold": wake.threshold})
        self.live = LiveSettings(settings.model_copy(update={"wake": threshold}))
        wake_words = choices(settings.wake, bundled_words(settings.wake))
        self.memory = memory
        self.tasks = Tasks(owner.fail)
        self.keeping = Keeping(memory, self.tasks)
        self.reporting = Reporting(
            settings,
            clock,
            owner.emit,
            owner.request,
            tuple(wake_words),
            folder=memory.folder,
            boot_id=boot_id,
        )
        self.vitals = Vitals(self.reporting.publish, clock())
        self.health = Health(self.reporting.publish, self.tasks, clock)
        self.health.mqtt = self.reporting.traffic
        self.health.problems = self.reporting.problems
        self.health.history = self.reporting.kept
        self.signs = Signs(clock)
        self.mixer = Mixer(memory.volume(settings.audio.volume), settings.audio.earcon_volume)
        reference = Reference()
        moshi_speech = MoshiSpeech(bounds.voice_bounds(settings))
        user_speech = UserSpeech(bounds.speech_bounds(settings))
        self.voice = Voice(
            make_engine,
            self.mixer,
            speech=moshi_speech,
            lag_timeout_s=settings.engine.lag_timeout_s,
            clock=clock,
            emit=owner.emit,
            lost=owner.engine_lost,
            tasks=self.tasks,
            vitals=self.vitals,
            stepped=self.signs.stepped,
        )
        self.microphone = Microphone(
            settings, reference, self.mixer, folder=memory.folder, changed=self.vitals.report_now
        )
        self.ears = Ears(
            detector,
            activity or SileroActivity(),
            around_echo(self.microphone.chain),
            user_speech,
            stop_detector=stop_detector,
            hearing=not memory.muted,
            emit=owner.emit,
            feed=self.voice.feed,
            failed=owner.fail,
            scored=self.signs.scored,
        )
        self.sound = Sound(
            device,
            self.ears.capture,
            reference.tap(self.mixer.render),
            clock=clock,
            emit=owner.emit,
            tasks=self.tasks,
            signs=self.signs,
            hung=owner.part_hangs,
            opened=self.microphone.opened,
            capturing=not memory.muted,
            zero_input_s=settings.audio.zero_input_s,
            asleep=asleep,
        )
        self.listening = Listening(
            settings.wake,
            wake.words if wake.enabled else (),
            detector,
            self.ears,
            self.live,
            make=make_detector or maker(settings.speaker.state_dir),
            options=wake_words,
            memory=memory,
            keeping=self.keeping,
            tasks=self.tasks,
            report=self.reporting.report,
            clock=clock,
        )
        self.about = About(self.live, self.listening, self.reporting.inform)
        self._figures = Figures(device, self.sound, self.ears, self.microphone, self.listening)
        self.health.sound = lambda: self.sound_figures
        self.vitals.hearing = lambda: self._figures.report(self.signs.ages(clock()))
        tuning.take(
            self.live,
            microphone=self.microphone.change,
            sound=self.sound,
            user_speech=user_speech,
            moshi_speech=moshi_speech,
            mixer=self.mixer,
            wake_words=self.listening.renew,
            stop_detector=stop_detector,
            emit=owner.emit,
        )

    @property
    def sound_figures(self) -> ev.SoundFigures:
        """How the sound fares now."""
        return self._figures.sound(self.signs.ages(self._clock()))

    async def start(self, state: ev.State) -> None:
        """Begin to tell the house, and to hear; the sound device and the engine are started one by one."""
        await self.reporting.start()
        self.reporting.report(ev.ReportState(state))
        self.reporting.report(ev.ReportVolume(self.mixer.volume))
        self.listening.tell()
        self.about.start()
        self.vitals.start()
        self.health.start()
        self.ears.start()

    async def stop(self, *, failed: Callable[[], bool]) -> None:
        """In reverse order of start, within limits: a part that hangs must not keep the others.

        ``failed`` says at the end whether the house shall know that an error was the reason.
        """
        began = self._clock()
        self.listening.stop()
        self.about.stop()
        await self.tasks.finish(
            self.tasks.spawn(self.voice.close(), "the engine"),
            self.tasks.spawn(self.sound.stop(), "the sound device"),
            *self.keeping.writing,
            timeout_s=CLOSE_S,
        )
        await asyncio.to_thread(self.ears.stop)  # it waits for a thread, and that may hang
        await self.microphone.keep()
        self.keeping.stop()
        self.vitals.stop()
        self.health.stop()
        await self.reporting.stop(failed=failed(), spent_s=self._clock() - began)
