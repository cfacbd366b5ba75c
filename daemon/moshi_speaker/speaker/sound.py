"""The device as the speaker keeps it: opened, watched, opened again, closed, without blocking the loop."""

import asyncio
import logging
from collections.abc import Callable

from moshi_speaker.audio.frames import Capture, Device, Render
from moshi_speaker.errors import DeviceError
from moshi_speaker.events import DeviceLost, DeviceRestored, Event
from moshi_speaker.speaker.executor import DaemonExecutor
from moshi_speaker.speaker.tasks import Tasks

HEARTBEAT_S = 1.0
"""Seconds between looks at the device."""

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
        capturing: bool = True,
    ) -> None:
        """``capture`` and ``render`` are called from the device's own threads, ``emit`` in the loop.

        Without ``capturing`` the microphone stays closed until ``set_capture`` opens it.
        """
        self._device = device
        self._capture = capture
        self._render = render
        self._clock = clock
        self._emit = emit
        self._tasks = tasks
        self._capturing = capturing
        self._loop = asyncio.get_running_loop()
        self._thread = DaemonExecutor("device")
        self._reopening: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def description(self) -> str:
        """What the user knows the device by."""
        return self._device.description

    async def start(self) -> None:
        """Open the device and begin to watch it. Raises DeviceError."""
        await self._open()
        self._tasks.spawn(self._watch(), "watch over the sound device")

    def reopen(self, delay_s: float) -> None:
        """Try to open the device again after a pause; the outcome is an event. It ends an earlier try."""
        if self._reopening is not None:
            self._reopening.cancel()
        self._reopening = self._tasks.spawn(self._reopen(delay_s), "opening of the sound device")

    def set_capture(self, on: bool) -> None:
        """Let the microphone run, or stop it, now and whenever the device opens again."""
        self._capturing = on
        self._tasks.spawn(self._call(lambda: self._device.set_capture(on)), "switching of the microphone")

    async def stop(self) -> None:
        """Close the device, for good. May be called twice."""
        if not self._stopped:
            self._stopped = True
            if self._reopening is not None:
                self._reopening.cancel()
            try:
                await self._call(self._device.stop)
            finally:
                self._thread.shutdown(wait=False)

    def _lost(self, message: str) -> None:
        """Called from any thread."""
        self._loop.call_soon_threadsafe(self._emit, DeviceLost(message))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self._call(lambda: self._device.check(self._clock()))

    async def _reopen(self, delay_s: float) -> None:
        await self._call(self._device.stop)
        await asyncio.sleep(delay_s)
        try:
            await self._open()
        except DeviceError as error:
            self._emit(DeviceLost(str(error)))
        else:
            self._emit(DeviceRestored())

    async def _open(self) -> None:
        await self._call(self._start)
        log.info("sound: %s", self._device.description)

    def _start(self) -> None:
        """Called on the device's thread: a switch that comes meanwhile waits for its turn there."""
        self._device.start(self._capture, self._render, self._lost, capturing=self._capturing)

    async def _call(self, function: Callable[[], None]) -> None:
        await self._loop.run_in_executor(self._thread, function)
