"""What somebody asked for that is no matter of the conversation: done or refused, and answered."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from moshi_speaker import events as ev
from moshi_speaker.errors import BadCommand, ConfigError
from moshi_speaker.home.figures import health
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.executor import DaemonExecutor
from moshi_speaker.speaker.health import Health
from moshi_speaker.speaker.live import LiveSettings
from moshi_speaker.speaker.past import Past, told
from moshi_speaker.speaker.restart import Restarts
from moshi_speaker.speaker.tasks import Tasks

MAX_UNDER_WAY = 8
"""Requests that may be worked on at once; beyond it they are refused."""
PAST_S = 10.0
"""Seconds for the disk to say what is kept."""
FILE_S = 2.0
"""Seconds that a restart waits for the configuration file."""


class WakeChoice(Protocol):
    """Lets the house choose what is listened for; its topics are the answer."""

    def set_sensitivity(self, sensitivity: float) -> None:
        """How sensitive, 0 to 1."""

    def choose(self, option: str) -> None:
        """Which wake word."""


class Requests:
    """Carries them out; used from the event loop only. What reads files does so on a thread of its own."""

    restart_required: Callable[[tuple[str, ...]], None] = staticmethod(lambda names: None)
    """Hears which settings a file that was read again has otherwise than the speaker runs with."""

    def __init__(
        self,
        live: LiveSettings,
        report: Callable[[ev.Report], None],
        tasks: Tasks,
        listening: WakeChoice,
        *,
        health: Health,
        try_out: Callable[[int], Awaitable[ev.Json]],
        shut_down: Callable[[], None],
        restarts: Restarts | None = None,
        reread: Callable[[], Settings] | None = None,
        past: Past | None = None,
    ) -> None:
        """``report`` takes the answers, ``try_out`` times frames of the engine.

        ``shut_down`` ends the speaker so that it starts again; without ``restarts`` nobody would do that.
        ``reread`` reads the configuration file again, and ``past`` what is kept; both may block.
        """
        self._live = live
        self._report = report
        self._tasks = tasks
        self._listening = listening
        self._health = health
        self._try_out = try_out
        self._shut_down = shut_down
        self._restarts = restarts
        self._reread = reread
        self._past = past
        self._thread = DaemonExecutor("requests")
        self._past_thread = DaemonExecutor("history-requests")
        self._under_way = 0

    def handle(self, request: ev.Request) -> None:
        """Do it, and answer; what takes a while is answered later."""
        match request:
            case ev.SettingRequested(transaction=transaction):
                self._answer("set", transaction, lambda: self._set(request))
            case ev.HealthRequested(transaction):
                self._answer_later("health", transaction, self._ask_health)
            case ev.RestartRequested(transaction):
                self._work_on("restart", transaction, self._restart)  # however much else hangs
            case ev.ReloadRequested(transaction):
                self._answer_later("reload", transaction, self._reload)
            case ev.HistoryRequested(limit, transaction):
                self._answer_later("history", transaction, lambda: self._history(limit))
            case ev.BenchRequested(frames, transaction):
                self._answer_later("bench", transaction, lambda: self._try_out(frames))
            case ev.WakeSensitivityRequested(sensitivity):
                self._listening.set_sensitivity(sensitivity)
            case ev.WakeWordRequested(option):
                self._listening.choose(option)

    def close(self) -> None:
        """Nothing more will be asked for."""
        self._thread.shutdown(wait=False)
        self._past_thread.shutdown(wait=False)

    def _answer(self, command: str, transaction: ev.Transaction, work: Callable[[], ev.Json]) -> None:
        try:
            data = work()
        except BadCommand as error:
            self._report(ev.ReportAnswer(command, error=str(error), transaction=transaction))
        else:
            self._report(ev.ReportAnswer(command, data, transaction=transaction))

    def _answer_later(
        self, command: str, transaction: ev.Transaction, work: Callable[[], Awaitable[ev.Json]]
    ) -> None:
        if self._under_way >= MAX_UNDER_WAY:
            error = f"{self._under_way} other requests are still worked on; wait for their answers"
            self._report(ev.ReportAnswer(command, error=error, transaction=transaction))
            return
        self._work_on(command, transaction, work)

    def _work_on(
        self, command: str, transaction: ev.Transaction, work: Callable[[], Awaitable[ev.Json]]
    ) -> None:
        self._under_way += 1
        self._tasks.spawn(self._work(command, transaction, work), f"request {command}")

    async def _work(
        self, command: str, transaction: ev.Transaction, work: Callable[[], Awaitable[ev.Json]]
    ) -> None:
        try:
            data = await work()
        except (BadCommand, ConfigError) as error:
            self._report(ev.ReportAnswer(command, error=str(error), transaction=transaction))
        else:
            self._report(ev.ReportAnswer(command, data, transaction=transaction))
        finally:
            self._under_way -= 1

    def _set(self, request: ev.SettingRequested) -> ev.Json:
        return {"name": request.name, "value": self._live.change(request.name, request.value)}

    async def _restart(self) -> ev.Json:
        if self._restarts is None:
            raise BadCommand("this speaker cannot start itself again", remedy="start it again by hand")
        self._restarts.ask()
        await self._look_at_the_file()
        # After the answer, which is the last word before the goodbye.
        asyncio.get_running_loop().call_soon(self._shut_down)
        return {}

    async def _look_at_the_file(self) -> None:
        """With a wrong one the speaker would not come back, and whoever is far away could do nothing more.

        A disk that hangs says nothing about it, and may be why a restart is wanted. Raises ConfigError.
        """
        if self._reread is not None:
            reading = asyncio.get_running_loop().run_in_executor(self._thread, self._reread)
            with suppress(TimeoutError):
                await asyncio.wait_for(reading, FILE_S)

    async def _ask_health(self) -> ev.Json:
        return health(await self._health.report())

    async def _reload(self) -> ev.Json:
        if self._reread is None:
            raise BadCommand("this speaker was started without a file of settings", remedy="start it again")
        configured = await asyncio.get_running_loop().run_in_executor(self._thread, self._reread)
        adopted = self._live.adopt(configured)
        self.restart_required(adopted.restart_required)
        return {"changed": adopted.changed, "restart_required": adopted.restart_required}

    async def _history(self, limit: int) -> ev.Json:
        if self._past is None:
            raise BadCommand("nothing is kept of earlier conversations", remedy="set history.keep_days")
        past, transcripts = self._past, self._live.settings.mqtt.transcripts
        sides = tuple(side for side in ev.Side if getattr(transcripts, side.value) != "off")
        reading = asyncio.get_running_loop().run_in_executor(
            self._past_thread, lambda: told(past.conversations(limit, sides))
        )
        try:
            return await asyncio.wait_for(reading, PAST_S)
        except TimeoutError:
            raise BadCommand("the history does not answer", remedy="look at the disk of state_dir") from None
