"""The speaker's life: start, run, stop. Events come in, the machine decides, effects are carried out."""

import asyncio
import logging
import os
import secrets
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from moshi_speaker import events as ev
from moshi_speaker.audio.activity import VoiceActivity
from moshi_speaker.audio.earcons import earcon, preceded
from moshi_speaker.audio.echo import EchoCanceller
from moshi_speaker.audio.frames import Device
from moshi_speaker.conversation.limits import Limits
from moshi_speaker.conversation.machine import deadline, handle
from moshi_speaker.conversation.snapshot import initial
from moshi_speaker.engine.interface import Engine, Status
from moshi_speaker.errors import (
    ConfigError,
    DeviceError,
    MissingPartError,
    SpeakerError,
    TooSlowError,
)
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import bounds
from moshi_speaker.speaker.body import Body
from moshi_speaker.speaker.heartbeat import Miss, Part
from moshi_speaker.speaker.listening import MakeDetector
from moshi_speaker.speaker.memory import Memory
from moshi_speaker.speaker.requests import Requests
from moshi_speaker.speaker.restart import Restarts
from moshi_speaker.wake.detector import Detector

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
        make_detector: MakeDetector | None = None,
        memory: Memory | None = None,
        asleep: Callable[[], float] = lambda: 0.0,
        reread: Callable[[], Settings] | None = None,
        restarts: Restarts | None = None,
    ) -> None:
        """What differs between a room of files and a real one comes from outside; ``clock`` in seconds.

        ``around_echo`` may put something around the echo canceller; ``activity`` takes the place of the front
        end's own part. ``stop_detector`` hears the stop phrase; ``make_detector`` makes others than the usual
        ones, for other wake words. Without a ``memory`` nothing is known of an earlier life, and nothing kept
        for a later. ``asleep`` says how many seconds the machine has slept.
        ``reread`` reads the configuration file again. Whoever gives ``restarts`` starts the speaker again
        when ``restarting`` is true at its end.
        """
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._limits = Limits.from_settings(settings)
        self._boot_id = secrets.token_hex(4)
        self._events: deque[ev.Event] = deque()
        self._deciding = False
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        memory = memory or Memory(None)
        self._snapshot = initial(clock(), muted=memory.muted)
        self._body = Body(
            settings,
            device,
            detector,
            make_engine,
            clock,
            self,
            around_echo=around_echo,
            activity=activity,
            stop_detector=stop_detector,
            make_detector=make_detector,
            memory=memory,
            asleep=asleep,
            boot_id=self._boot_id,
        )
        self._requests = Requests(
            self._body.live,
            self._body.reporting.report,
            self._body.tasks,
            self._body.listening,
            health=self._body.health,
            try_out=self._body.voice.try_out,
            shut_down=self._stop_to_restart,
            restarts=restarts,
            reread=reread,
            past=None if settings.history.keep_days == "off" else self._body.reporting.history,
        )
        self._requests.restart_required = self._body.about.restart_required
        self.restarting = False
        """Somebody asked for a restart, and nobody for the end since."""
        self._body.live.on_change(self._renew_limits, *bounds.LIMITS)

    @property
    def sound_figures(self) -> ev.SoundFigures:
        """How the sound fares now."""
        return self._body.sound_figures

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

    def request(self, request: ev.Request) -> None:
        """Somebody asked for something that is no matter of the conversation."""
        self._requests.handle(request)

    def stop(self) -> None:
        """Ask the speaker to stop; ``run`` returns soon."""
        self.restarting = False
        self.emit(ev.ShutdownRequested())

    def fail(self, error: BaseException) -> None:
        """End everything because of an error, which ``run`` raises."""
        self._failure = self._failure or error
        self._loop.call_soon(self.stop)

    # --- What the parts cannot mend themselves ---

    def engine_lost(self, error: SpeakerError) -> None:
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

    def part_hangs(self, miss: Miss) -> None:
        """The engine is restarted; a thread that hangs cannot be ended, so the process is."""
        message = f"{miss.part} has stood still for {miss.age_s:.0f} s"
        if miss.part is Part.ENGINE:
            self.emit(ev.EngineLost(message))
            return
        self._body.reporting.report(ev.ReportProblem("front_end", message, self._clock()))
        self._loop.call_later(LAST_WORDS_S, os._exit, SpeakerError.exit_code)

    # --- Start and stop ---

    async def _start(self) -> None:
        self._set_timer()
        await self._body.start(self._snapshot.state)
        self._body.tasks.spawn(self._open(), "start of the sound device")

    async def _open(self) -> None:
        """Not awaited by the start: a driver that hangs must not keep the speaker from stopping."""
        try:
            await self._body.sound.start()
        except DeviceError as error:
            self._body.reporting.publish(ev.ReportProblem("device", str(error), self._clock()))
            raise
        self.emit(ev.SpeakerStarted())
        if not self._stopping.is_set():
            self._body.voice.start()

    def _stop_to_restart(self) -> None:
        self.restarting = not self._stopping.is_set()
        self.emit(ev.ShutdownRequested())

    async def _stop(self) -> None:
        self.emit(ev.ShutdownRequested())
        self._requests.close()
        await self._body.stop(failed=lambda: self._failure is not None)
        if self._timer is not None:
            self._timer.cancel()

    def _callback_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A mistake in what the loop calls for us ends the speaker; of all else asyncio tells the log."""
        error = context.get("exception")
        if "handle" in context and error is not None:
            self.fail(error)
        else:
            loop.default_exception_handler(context)

    # --- Decisions and what follows from them ---

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
        body = self._body
        match effect:
            case ev.StartSession(session, since):
                body.voice.begin(session)
                body.signs.talk(True)
                body.ears.open(since)
            case ev.StopSession():
                body.ears.close()
                body.voice.end()
                body.tasks.spawn(body.microphone.keep(), "remembering of the room")
                body.signs.talk(False)
            case ev.RestartEngine(delay_s):
                body.voice.start(delay_s)
            case ev.ReopenDevice(delay_s):
                body.ears.forget()
                body.sound.reopen(delay_s)
            case ev.SetCapture(on):
                body.ears.set_hearing(on)
                body.sound.set_capture(on)
            case ev.SetVolume(percent):
                body.mixer.volume = percent
                body.memory.keep_volume(percent, body.live.configured.audio.volume)
                body.keeping.soon()
            case ev.PlayEarcon(kind, pause_s):
                audio = body.live.settings.audio
                if audio.earcons and (audio.wake_earcon or kind is not ev.Earcon.WAKE):
                    body.mixer.play(preceded(earcon(kind), pause_s))
            case ev.ReportMute(on):
                body.memory.keep_muted(on)  # what the house is told holds after a power cut too
                body.keeping.then(partial(body.reporting.report, effect))
            case ev.ReportState():
                body.keeping.in_turn(partial(body.reporting.report, effect))
            case ev.GiveUp(message):
                self._give_up(message)
            case ev.ReportProblem() if self._failure is not None:
                body.reporting.publish(effect)  # what ends the process is said by its last line
            case _:
                body.reporting.report(effect)

    def _renew_limits(self, settings: Settings) -> None:
        self._limits = Limits.from_settings(settings)
        self._set_timer()  # what was waited for is waited for anew

    def _give_up(self, message: str) -> None:
        """A part hangs so that not even an orderly stop is possible: only the end of the process helps."""
        log.critical("%s", message)
        if self._stopping.is_set():
            os._exit(SpeakerError.exit_code)
        self.fail(SpeakerError(message))
