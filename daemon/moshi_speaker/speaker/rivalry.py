"""Says that a second speaker uses our id, for as long as there are signs of it."""

import asyncio
from collections.abc import Callable

from moshi_speaker.events import ReportProblem
from moshi_speaker.home.rival import Rival


class Rivalry:
    """Used from the event loop only."""

    def __init__(self, report: Callable[[ReportProblem], None], clock: Callable[[], float]) -> None:
        """``clock`` gives seconds."""
        self._report = report
        self._clock = clock
        self._rival = Rival()
        self._timer: asyncio.TimerHandle | None = None

    def noticed(self, who: str) -> None:
        """There is a sign of it."""
        self._say(self._rival.noticed(who, self._clock()))
        if self._timer is None:
            self._wait()

    def stop(self) -> None:
        """Say no more. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        delay_s = self._rival.over_at - self._clock()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._time_passed)

    def _time_passed(self) -> None:
        self._timer = None
        over = self._rival.passed(self._clock())
        if over is None:
            self._wait()
        self._say(over)

    def _say(self, report: ReportProblem | None) -> None:
        if report is not None:
            self._report(report)
