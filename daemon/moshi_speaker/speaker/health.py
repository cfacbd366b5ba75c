"""How the speaker fares as a process: said every ten minutes, and to whoever asks."""

import asyncio
from collections.abc import Callable

from moshi_speaker.events import Json, ReportHealth, SoundFigures
from moshi_speaker.speaker import resources
from moshi_speaker.speaker.executor import DaemonExecutor
from moshi_speaker.speaker.tasks import Tasks

PERIOD_S = 600.0
"""Seconds between reports."""
DISK_S = 2.0
"""Seconds for a disk to say how much is kept; one that hangs is told as not known."""


class Health:
    """Asks the parts, and reports; used from the event loop only."""

    sound: Callable[[], SoundFigures | None] = staticmethod(lambda: None)
    """How the devices fare. This and the following come from those who know, and return at once."""
    mqtt: Callable[[], Json] = staticmethod(lambda: None)
    problems: Callable[[], Json] = staticmethod(lambda: [])
    history: Callable[[], Json] = staticmethod(lambda: None)
    """How much is kept; it reads the disk, on a thread of its own."""

    def __init__(
        self, publish: Callable[[ReportHealth], None], tasks: Tasks, clock: Callable[[], float]
    ) -> None:
        """The speaker's start is now, by the ``clock`` in seconds."""
        self._publish = publish
        self._tasks = tasks
        self._clock = clock
        self._started_at = clock()
        self._disk = DaemonExecutor("health")
        self._asked: asyncio.Future[Json] | None = None
        """What the disk was asked last."""
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Report now, and from now on without being asked."""
        self._tasks.spawn(self._tell(), "health")
        self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self.start)

    async def report(self) -> ReportHealth:
        """Report now; what was reported."""
        history = await self._kept()
        report = ReportHealth(
            process=resources.figures(self._clock() - self._started_at),
            sound=self.sound(),
            mqtt=self.mqtt(),
            history=history,
            problems=self.problems(),
        )
        self._publish(report)
        return report

    def stop(self) -> None:
        """Report no more. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        self._disk.shutdown(wait=False)

    async def _tell(self) -> None:
        await self.report()

    async def _kept(self) -> Json:
        if self._asked is None or self._asked.done():  # one that hangs is not asked again and again
            self._asked = asyncio.get_running_loop().run_in_executor(self._disk, self.history)
        asked = self._asked
        await asyncio.wait({asked}, timeout=DISK_S)
        return asked.result() if asked.done() else None
