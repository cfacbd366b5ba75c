"""The device as the speaker keeps it: opened, watched, opened again, closed, without blocking the loop."""

import asyncio
import logging
import random
import sys
from collections.abc import Awaitable, Callable
from functools import partial

from moshi_speaker.audio.frames import Capture, Device, Render, Samples
from moshi_speaker.errors import DeviceError, SpeakerError
from moshi_speaker.events import DeviceLost, DeviceRestored, Event
from moshi_speaker.speaker.executor import DaemonExecutor
from moshi_speaker.speaker.heartbeat import Miss, Part, Signs, missed
from moshi_speaker.speaker.tasks import Tasks

HEARTBEAT_S = 1.0
"""Seconds between looks at the device."""
LATE_S = 3.0
"""Seconds between two looks from which the process itself stood still: then nobody is to blame."""
SLEEP_S = 2.0
"""Seconds of sleep of the machine after which the device is opened again."""
FIRST_SOUND_S = 5.0
"""Seconds of zeros that a device just opened again may give at least: a radio link wakes up first, and would
never come to it if it were opened again meanwhile."""
UNRESPONSIVE_S = 60.0
"""Seconds that the sound system may take for one call; opening after a restart of it takes a while."""
SILENT = "microphone_silent"
"""Code of the problem of a microphone that gives zeros alone."""
_ALLOWED = (
    "allow it in System Settings, Privacy & Security, Microphone, for the program that started the speaker"
)
_CONNECTED = (
    "look whether it is muted by a switch or in the system's sound settings, or not connected "
    "(audio.zero_input_s: 0 if silence is right)"
)

log = logging.getLogger(__name__)


class Sound:
    """Calls the device on one thread, in order; used from the event loop only."""

    def __init__(
        self,
        device: Device,
        capture: Capture,
        render: Render,
        *,
        clock: Callable[[], float],
        emit: Callable[[Event], None],
        tasks: Tasks,
        signs: Signs,
        hung: Callable[[Miss], None],
        opened: Callable[[str], Awaitable[None]],
        capturing: bool = True,
        zero_input_s: float = 0.0,
        asleep: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``capture`` and ``render`` are called from the device's own threads, ``emit`` in the loop.

        Without ``capturing`` the microphone stays closed until ``set_capture`` opens it. ``hung`` hears, in
        the loop, of a part that is none of the device; ``opened`` hears each time which devices were opened;
        ``asleep`` says how long the machine has slept so far.
        """
        self._device = device
        self._capture = capture
        self._render = render
        self._clock = clock
        self._emit = emit
        self._tasks = tasks
        self._signs = signs
        self._hung = hung
        self._opened = opened
        self._capturing = capturing
        self.zero_input_s = zero_input_s
        """Seconds of zeros after which the microphone counts as silent; 0 for never."""
        self._asleep = asleep
        self._loop = asyncio.get_running_loop()
        self._thread = DaemonExecutor("device")
        self._reopening: asyncio.Task[None] | None = None
        self._open = False
        self._silent = False
        self._listening = False
        self._sounded = asyncio.Event()
        self._stopped = False
        self.reopenings = 0
        """How often the device was opened again."""

    @property
    def description(self) -> str:
        """What the user knows the device by."""
        return self._device.description

    async def start(self) -> None:
        """Open the device and begin to watch it. Raises DeviceError."""
        await self._start()
        log.info("sound: %s", self._device.description)
        self._tasks.spawn(self._watch(self._clock(), self._asleep()), "watch over the sound device")

    def reopen(self, delay_s: float) -> None:
        """Try to open the device again after a pause; the outcome is an event. It ends an earlier try."""
        if self._reopening is not None:
            self._reopening.cancel()
        self._reopening = self._tasks.spawn(self._reopen(delay_s), "opening of the sound device")

    def set_capture(self, on: bool) -> None:
        """Let the microphone run, or stop it, now and whenever the device opens again."""
        self._capturing = on
        if not on:
            self._sounded.set()  # nothing to wait for
        self._tasks.spawn(self._switch(on), "switching of the microphone")

    async def stop(self) -> None:
        """Close the device, for good. May be called twice."""
        if not self._stopped:
            self._stopped = True
            self._signs.close()
            if self._reopening is not None:
                self._reopening.cancel()
            try:
                await self._call(self._device.stop)
            finally:
                self._thread.shutdown(wait=False)

    # --- What the device's threads bring and take ---

    def _captured(self, samples: Samples, at: float) -> None:
        if self._signs.captured(samples) and self._listening:
            self._listening = False
            self._loop.call_soon_threadsafe(self._sounded.set)
        self._capture(samples, at)

    def _rendered(self, n: int, at: float) -> Samples:
        self._signs.played()
        return self._render(n, at)

    def _lost(self, message: str) -> None:
        """Called from any thread."""
        self._loop.call_soon_threadsafe(self._gone, message)

    # --- The watch ---

    async def _watch(self, looked: float, slept: float) -> None:
        """``looked`` is when, and ``slept`` how much the machine had slept, at the begin."""
        check: asyncio.Task[None] | None = None
        asked = looked
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            now, before, slept_before = self._clock(), looked, slept
            looked, slept = now, self._asleep()
            if slept - slept_before > SLEEP_S:
                self._gone(f"the machine slept for {slept - slept_before:.0f} s")
            elif now - before > LATE_S:
                log.info("the speaker stood still for %.1f s", now - before)
                asked = now
                self._forgive()
            else:
                self._judge(now)
            if check is None or check.done():
                asked = now
                work = self._call(partial(self._device.check, now))
                check = self._tasks.spawn(work, "look at the sound device")
            elif now - asked > UNRESPONSIVE_S:
                raise SpeakerError(
                    f"the sound system has not answered for {now - asked:.0f} s",
                    remedy="restart the sound server, or connect the device again",
                )

    def _judge(self, now: float) -> None:
        opening = self._reopening is not None and not self._reopening.done()
        if opening or not self._open:
            return
        miss = missed(self._signs.ages(now), self.zero_input_s)
        if miss is None:
            return
        if miss.part is Part.SILENCE:
            self._fell_silent()
        elif miss.part in (Part.MICROPHONE, Part.LOUDSPEAKER):
            self._gone(f"{miss.part} has stood still for {miss.age_s:.1f} s: {self._device.description}")
        else:
            self._forgive()
            self._hung(miss)

    def _forgive(self) -> None:
        """Every deadline begins anew."""
        if self._open:
            self._signs.restart(capturing=self._capturing)

    def _gone(self, message: str) -> None:
        if self._open:
            self._open = self._silent = False
            self._signs.close()
            self._emit(DeviceLost(message))

    def _fell_silent(self) -> None:
        """It stays open, and is listened to until it is opened again."""
        self._silent = True
        remedy = _ALLOWED if sys.platform == "darwin" else _CONNECTED
        message = f"the microphone gives nothing but zeros: {self._device.description}; {remedy}"
        self._emit(DeviceLost(message, SILENT))

    def _still_deaf(self) -> None:
        """It was opened again, and gave nothing or zeros since."""
        came = missed(self._signs.ages(self._clock()), self.zero_input_s / 2)
        if came is not None and came.part is Part.SILENCE:
            self._fell_silent()
        else:
            self._gone(f"the microphone delivers nothing: {self._device.description}")

    # --- Opening ---

    async def _reopen(self, delay_s: float) -> None:
        pause_s = random.uniform(delay_s / 2, delay_s)
        if not (self._silent and await self._sounds_within(pause_s)):
            self._open = False
            self._signs.close()
            await self._call(self._device.stop)
            if not self._silent:
                await asyncio.sleep(pause_s)
            try:
                await self._start()
            except DeviceError as error:
                self._silent = False
                self._emit(DeviceLost(str(error)))
                return
            self.reopenings += 1
            patience_s = max(self.zero_input_s, FIRST_SOUND_S)
            if self.zero_input_s and not await self._sounds_within(patience_s):
                self._still_deaf()
                return
        self._silent = False
        self._forgive()
        log.info("sound again: %s", self._device.description)
        self._emit(DeviceRestored())

    async def _sounds_within(self, seconds: float) -> bool:
        """Wait for a sample that is not zero; at once if the microphone is off."""
        if not self._capturing:
            return True
        self._sounded.clear()
        self._listening = True
        try:
            async with asyncio.timeout(seconds):
                await self._sounded.wait()
        except TimeoutError:
            return False
        finally:
            self._listening = False
        return True

    async def _start(self) -> None:
        await self._call(self._start_device)
        self._open = True
        self._signs.restart(capturing=self._capturing)
        await self._opened(self._device.description)

    def _start_device(self) -> None:
        """Called on the device's thread: a switch that comes meanwhile waits for its turn there."""
        self._device.start(self._captured, self._rendered, self._lost, capturing=self._capturing)

    async def _switch(self, on: bool) -> None:
        await self._call(lambda: self._device.set_capture(on))
        self._forgive()

    async def _call(self, function: Callable[[], None]) -> None:
        await self._loop.run_in_executor(self._thread, function)
