"""The speaker's life: start, run, stop. Events come in, the machine decides, effects are carried out."""

import asyncio
import logging
import os
import secrets
from collections import deque
from collections.abc import Callable
from typing import Any

from moshi_speaker import events as ev
from moshi_speaker.audio.activity import SileroActivity, VoiceActivity
from moshi_speaker.audio.earcons import earcon, preceded
from moshi_speaker.audio.echo import EchoCanceller
from moshi_speaker.audio.frames import Device
from moshi_speaker.audio.mixer import Mixer
from moshi_speaker.audio.reference import Reference
from moshi_speaker.audio.speech import MoshiSpeech, UserSpeech
from moshi_speaker.conversation.limits import Limits
from moshi_speaker.conversation.machine import deadline, handle
from moshi_speaker.conversation.snapshot import initial
from moshi_speaker.engine.interface import Engine, Status
from moshi_speaker.errors import (
    BadCommand,
    ConfigError,
    DeviceError,
    MissingPartError,
    SpeakerError,
    TooSlowError,
)
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import bounds, tuning
from moshi_speaker.speaker.ears import Ears
from moshi_speaker.speaker.figures import Figures
from moshi_speaker.speaker.heartbeat import AudioHealth, Miss, Part, Signs
from moshi_speaker.speaker.live import LiveSettings
from moshi_speaker.speaker.memory import Memory
from moshi_speaker.speaker.microphone import Microphone
from moshi_speaker.speaker.reporting import Reporting
from moshi_speaker.speaker.sound import Sound
from moshi_speaker.speaker.tasks import Tasks
from moshi_speaker.speaker.vitals import Vitals
from moshi_speaker.speaker.voice import Voice
from moshi_speaker.wake.detector import Detector

CLOSE_S = 2.5
"""Seconds for engine and device to close; with the broker's farewell the whole stop stays below 5 s."""
LAST_WORDS_S = 0.5
"""Seconds for the house to hear why the process ends at once."""

log = logging.getLogger(__name__)


class Speaker:
    """Owns all parts. Made in a running event loop, and run once."""

    def __init__(
        self,
        settings: Settings,
        device: Device,
        detector: Detector | None,
        make_engine: Callable[[Status], Engine],
        clock: Callable[[], float],
        *,
        around_echo: Callable[[EchoCanceller], EchoCanceller] = lambda echo: echo,
        activity: VoiceActivity | None = None,
        stop_detector: Detector | None = None,
        memory: Memory | None = None,
        asleep: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """What differs between a room of files and a real one comes from outside; ``clock`` in seconds.

        ``around_echo`` may put something around the echo canceller; ``activity`` takes the place of the front
        end's own part. ``stop_detector`` hears the stop phrase. Without a ``memory`` nothing is known of an
        earlier life, and nothing kept for a later. ``asleep`` says how many seconds the machine has slept.
        """
        self._settings = settings
        self._live = LiveSettings(settings)
        self._memory = memory or Memory(None)
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._limits = Limits.from_settings(settings)
        self._boot_id = secrets.token_hex(4)
        self._snapshot = initial(clock(), muted=self._memory.muted)
        self._events: deque[ev.Event] = deque()
        self._deciding = False
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._tasks = Tasks(self.fail)
        self._mixer = Mixer(self._memory.volume(settings.audio.volume), settings.audio.earcon_volume)
        self._reference = Reference()
        self._signs = Signs(clock)
        self._reporting = Reporting(settings, clock, self.emit)
        self._vitals = Vitals(self._reporting.publish, clock())
        moshi_speech = MoshiSpeech(bounds.voice_bounds(settings))
        self._voice = Voice(
            make_engine,
            self._mixer,
            speech=moshi_speech,
            lag_timeout_s=settings.engine.lag_timeout_s,
            clock=clock,
            emit=self.emit,
            lost=self._engine_lost,
            tasks=self._tasks,
            vitals=self._vitals,
            stepped=self._signs.stepped,
        )
        self._microphone = Microphone(
            settings,
            self._reference,
            self._mixer,
            folder=self._memory.folder,
            changed=self._vitals.report_now,
        )
        user_speech = UserSpeech(bounds.speech_bounds(settings))
        self._ears = Ears(
            detector,
            activity or SileroActivity(),
            around_echo(self._microphone.chain),
            user_speech,
            stop_detector=stop_detector,
            hearing=not self._memory.muted,
            emit=self.emit,
            feed=self._voice.feed,
            failed=self.fail,
            scored=self._signs.scored,
        )
        self._sound = Sound(
            device,
            self._ears.capture,
            self._reference.tap(self._mixer.render),
            clock=clock,
            emit=self.emit,
            tasks=self._tasks,
            capturing=not self._memory.muted,
            signs=self._signs,
            hung=self._part_hangs,
            opened=self._microphone.opened,
            zero_input_s=settings.audio.zero_input_s,
            asleep=asleep,
        )
        self._figures = Figures(device, self._sound, self._ears, self._microphone, detector)
        self._vitals.hearing = lambda: self._figures.report(self._signs.ages(clock()))
        tuning.take(
            self._live,
            limits=self._renew_limits,
            microphone=self._microphone.change,
            sound=self._sound,
            user_speech=user_speech,
            moshi_speech=moshi_speech,
            mixer=self._mixer,
            detector=detector,
            stop_detector=stop_detector,
            emit=self.emit,
        )

    @property
    def audio_health(self) -> AudioHealth:
        """How the sound fares now."""
        return self._figures.health(self._signs.ages(self._clock()))

    async def run(self) -> None:
        """Start, run until asked to stop, stop. Raises what cannot be mended."""
        self._loop.set_exception_handler(self._callback_failed)
        try:
            await self._start()
            await self._stopping.wait()
        finally:
            await self._stop()
            self._loop.set_exception_handler(None)
        if self._failure is not None:
            raise self._failure

    def emit(self, event: ev.Event) -> None:
        """Something happened: decide, and do what follows. Events that this causes come after it."""
        self._events.append(event)
        if self._deciding:
            return
        self._deciding = True
        try:
            while self._events:
                self._handle(self._events.popleft())
        except SpeakerError as error:
            self.fail(error)
        finally:
            self._deciding = False

    def stop(self) -> None:
        """Ask the speaker to stop; ``run`` returns soon."""
        self.emit(ev.ShutdownRequested())

    def fail(self, error: BaseException) -> None:
        """End everything because of an error, which ``run`` raises."""
        self._failure = self._failure or error
        self._loop.call_soon(self.stop)

    async def _start(self) -> None:
        self._set_timer()
        await self._reporting.start()
        self._reporting.report(ev.ReportState(self._snapshot.state))
        self._reporting.report(ev.ReportVolume(self._mixer.volume))
        self._vitals.start()
        self._ears.start()
        self._tasks.spawn(self._open(), "start of the sound device")

    async def _open(self) -> None:
        """Not awaited by the start: a driver that hangs must not keep the speaker from stopping."""
        try:
            await self._sound.start()
        except DeviceError as error:
            self._reporting.publish(ev.ReportProblem("device", str(error), self._clock()))
            raise
        self.emit(ev.SpeakerStarted())
        if not self._stopping.is_set():
            self._voice.start()

    async def _stop(self) -> None:
        """In reverse order of start, within limits: a part that hangs must not keep the others."""
        began = self._clock()
        self.stop()
        await self._tasks.finish(
            self._tasks.spawn(self._voice.close(), "the engine"),
            self._tasks.spawn(self._sound.stop(), "the sound device"),
            timeout_s=CLOSE_S,
        )
        self._ears.stop()
        await self._microphone.keep()
        self._vitals.stop()
        failed = self._failure is not None
        await self._reporting.stop(failed=failed, spent_s=self._clock() - began)
        if self._timer is not None:
            self._timer.cancel()

    def _callback_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A mistake in what the loop calls for us ends the speaker; of all else asyncio tells the log."""
        error = context.get("exception")
        if "handle" in context and error is not None:
            self.fail(error)
        else:
            loop.default_exception_handler(context)

    def _handle(self, event: ev.Event) -> None:
        self._snapshot, effects = handle(self._snapshot, event, self._clock(), self._limits, self._boot_id)
        for effect in effects:
            self._perform(effect)
        self._set_timer()
        if self._snapshot.state is ev.State.STOPPING:
            self._stopping.set()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = deadline(self._snapshot, self._limits)
        if due is not None:
            self._timer = self._loop.call_later(due - self._clock(), self.emit, ev.DeadlinePassed())

    def _perform(self, effect: ev.Effect) -> None:
        match effect:
            case ev.StartSession(session, since):
                self._voice.begin(session)
                self._signs.talk(True)
                self._ears.open(since)
            case ev.StopSession():
                self._ears.close()
                self._voice.end()
                self._tasks.spawn(self._microphone.keep(), "remembering of the room")
                self._signs.talk(False)
            case ev.RestartEngine(delay_s):
                self._voice.start(delay_s)
            case ev.ReopenDevice(delay_s):
                self._ears.forget()
                self._sound.reopen(delay_s)
            case ev.SetCapture(on):
                self._ears.set_hearing(on)
                self._sound.set_capture(on)
                self._memory.keep_muted(not on)
            case ev.SetVolume(percent):
                self._mixer.volume = percent
                self._memory.keep_volume(percent, self._settings.audio.volume)
            case ev.PlayEarcon(kind, pause_s):
                audio = self._live.settings.audio
                if audio.earcons and (audio.wake_earcon or kind is not ev.Earcon.WAKE):
                    self._mixer.play(preceded(earcon(kind), pause_s))
            case ev.ChangeSetting():
                self._reporting.report(self._change(effect))
            case ev.GiveUp(message):
                self._give_up(message)
            case ev.ReportProblem() if self._failure is not None:
                self._reporting.publish(effect)  # what ends the process is said by its last line
            case _:
                self._reporting.report(effect)

    def _renew_limits(self, settings: Settings) -> None:
        self._limits = Limits.from_settings(settings)

    def _change(self, order: ev.ChangeSetting) -> ev.ReportSetting:
        try:
            value = self._live.change(order.name, order.value)
        except BadCommand as error:
            return ev.ReportSetting(order.name, order.value, str(error), order.transaction)
        return ev.ReportSetting(order.name, value, transaction=order.transaction)

    def _engine_lost(self, error: SpeakerError) -> None:
        """A model that cannot be loaded at the start ends the process: its exit code says why.

        One that was fast enough before is too slow for as long as the machine is busy, and tried again.
        """
        engine = self._snapshot.engine
        never_ready = engine.ready_since is None and not engine.losses
        too_slow = isinstance(error, TooSlowError)
        fatal = isinstance(error, MissingPartError | ConfigError) or (too_slow and never_ready)
        if fatal and never_ready:
            self.fail(error)
        self.emit(ev.EngineLost(str(error), fatal, "too_slow" if too_slow else "engine"))

    def _part_hangs(self, miss: Miss) -> None:
        """The engine is restarted; a thread that hangs cannot be ended, so the process is."""
        message = f"{miss.part} has stood still for {miss.age_s:.0f} s"
        if miss.part is Part.ENGINE:
            self.emit(ev.EngineLost(message))
            return
        self._reporting.report(ev.ReportProblem("front_end", message, self._clock()))
        self._loop.call_later(LAST_WORDS_S, os._exit, SpeakerError.exit_code)

    def _give_up(self, message: str) -> None:
        """A part hangs so that not even an orderly stop is possible: only the end of the process helps."""
        log.critical("%s", message)
        if self._stopping.is_set():
            os._exit(SpeakerError.exit_code)
        self.fail(SpeakerError(message))
