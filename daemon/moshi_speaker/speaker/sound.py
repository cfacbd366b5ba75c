"""The device as the speaker keeps it: opened, watched, opened again, closed, without blocking the loop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor

from moshi_speaker.audio.frames import Capture, Device, Render
from moshi_speaker.errors import DeviceError
from moshi_speaker.events import DeviceLost, DeviceRestored, Event

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
    ) -> None:
        """``capture`` and ``render`` are called from the device's own threads, ``emit`` in the loop."""
        self._device = device
        self._capture = capture
        self._render = render
        self._clock = clock
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="device")
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the device and begin to watch it. Raises DeviceError."""
        await self._call(self._open)
        log.info("sound: %s", self._device.description)
        self._spawn(self._watch())

    def reopen(self, delay_s: float) -> None:
        """Try to open the device again after a pause; the outcome is an event."""
        self._spawn(self._reopen(delay_s))

    def set_capture(self, on: bool) -> None:
        """Let the microphone run, or stop it."""
        self._spawn(self._call(lambda: self._device.set_capture(on)))

    async def stop(self) -> None:
        """Close the device. May be called twice."""
        for task in self._tasks:
            task.cancel()
        await self._call(self._device.stop)

    def _open(self) -> None:
        self._device.start(self._capture, self._render, self._lost)

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
            await self._call(self._open)
        except DeviceError as error:
            self._emit(DeviceLost(str(error)))
        else:
            log.info("sound: %s", self._device.description)
            self._emit(DeviceRestored())

    async def _call(self, function: Callable[[], None]) -> None:
        await self._loop.run_in_executor(self._thread, function)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
