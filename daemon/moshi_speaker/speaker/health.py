"""How the speaker fares as a process: said every ten minutes, and to whoever asks."""

import asyncio
from collections.abc import Callable

from moshi_speaker.events import Json, ReportHealth, SoundFigures
from moshi_speaker.speaker import resources

PERIOD_S = 600.0
"""Seconds between reports."""


class Health:
    """Asks the parts, and reports; used from the event loop only."""

    sound: Callable[[], SoundFigures | None] = staticmethod(lambda: None)
    """How the devices fare. This and the following come from those who know, and return at once."""
    mqtt: Callable[[], Json] = staticmethod(lambda: None)
    history: Callable[[], Json] = staticmethod(lambda: None)
    problems: Callable[[], Json] = staticmethod(lambda: [])

    def __init__(self, publish: Callable[[ReportHealth], None], clock: Callable[[], float]) -> None:
        """The speaker's start is now, by the ``clock`` in seconds."""
        self._publish = publish
        self._clock = clock
        self._started_at = clock()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Report now, and from now on without being asked."""
        self.report()
        self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self.start)

    def report(self) -> ReportHealth:
        """Report now; what was reported."""
        report = ReportHealth(
            process=resources.figures(self._clock() - self._started_at),
            sound=self.sound(),
            mqtt=self.mqtt(),
            history=self.history(),
            problems=self.problems(),
        )
        self._publish(report)
        return report

    def stop(self) -> None:
        """Report no more. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
