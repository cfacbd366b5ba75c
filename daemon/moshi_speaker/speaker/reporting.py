"""What the speaker tells the house: every report to the log and to the broker."""

import asyncio
import itertools
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from moshi_speaker.events import (
    Event,
    Happened,
    Json,
    ProblemSource,
    Report,
    ReportProblem,
    ReportTranscript,
    Request,
    RivalNoticed,
)
from moshi_speaker.history.happening import Happening
from moshi_speaker.history.history import History
from moshi_speaker.home.broker import EmbeddedBroker
from moshi_speaker.home.discovery import Device, announcement, withdrawal
from moshi_speaker.home.exposure import in_the_clear
from moshi_speaker.home.figures import traffic
from moshi_speaker.home.identity import device_id
from moshi_speaker.home.info import Info, info, prepare
from moshi_speaker.home.link import Link
from moshi_speaker.home.machine import machine
from moshi_speaker.home.payloads import Message, Payloads
from moshi_speaker.home.topics import Topics
from moshi_speaker.settings import MqttSettings, Settings
from moshi_speaker.speaker import logbook
from moshi_speaker.speaker.loglines import LogLines
from moshi_speaker.speaker.rivalry import Rivalry
from moshi_speaker.wake.choice import OFF

T = TypeVar("T")

FAREWELL_S = 1.0
"""Seconds for the broker to take the last messages."""
SETTLE_S = 0.4
"""Seconds for the last events to be kept, so that they can be sent; and, later, for the file to be closed."""
LAST_WORDS_S = 3.0
"""Seconds for them after a failure, of which the house shall know also if it was too early for the link."""

log = logging.getLogger(__name__)


class Reporting:
    """The broker, if it is ours, the link to it, the history, and the log.

    What happens goes through the history: it is kept there first, and waits there for the broker.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float],
        emit: Callable[[Event], None],
        request: Callable[[Request], None],
        wake_words: Sequence[str] = (OFF,),
        *,
        folder: Path | None,
        boot_id: str,
    ) -> None:
        """``emit`` and ``request`` are called in the event loop that runs ``start``.

        ``wake_words`` are those that the house may choose from. ``folder`` of the speaker's state; without
        one nothing is kept. ``boot_id`` differs at each start.
        """
        self._settings = settings
        self._clock = clock
        self.history = History(folder, settings.history)
        """What happened, to be looked up; it is open from ``start`` to ``stop``."""
        self._event_ids = (f"{boot_id}-e{number}" for number in itertools.count(1))
        self._emit = emit
        self._request = request
        self._wake_words = tuple(wake_words)
        self._broker: EmbeddedBroker | None = None
        self._link: Link | None = None
        self._payloads: Payloads | None = None
        self._rivalry = Rivalry(self.report, clock)
        self._log_lines: LogLines | None = None
        self._hardware = ""

    async def start(self) -> None:
        """Connect; returns at once. Raises ConfigError or MissingPartError for what cannot work."""
        mqtt = self._settings.mqtt
        loop = asyncio.get_running_loop()
        if mqtt.enabled:
            await self._connect(mqtt, loop)
        else:
            self._payloads = Payloads(Topics(mqtt.base_topic, "unconnected"), self._wall, "")
        news = _nobody if self._link is None else self._link.notify
        self.history.start(news, lambda line: _hand_over(loop, self._history_works, line))

    async def _connect(self, mqtt: MqttSettings, loop: asyncio.AbstractEventLoop) -> None:
        if line := in_the_clear(mqtt):
            log.warning("%s", line)
        name = device_id(self._settings.speaker.id, self._settings.speaker.state_dir)
        if mqtt.host is None:
            self._broker = EmbeddedBroker(mqtt.port)
            await self._broker.start()
            mqtt = self._broker.link_settings(mqtt)
            log.info("no mqtt.host is set: a broker of our own listens on 127.0.0.1:%d", self._broker.port)
        self._link = Link(
            mqtt,
            name,
            lambda command: _hand_over(loop, self._hear, command),
            self._clock,
            backlog=self.history,
        )
        self._payloads = Payloads(self._link.topics, self._wall, self._link.instance)
        for message in self._payloads.initial():
            self._link.publish(message)
        self._hardware = await asyncio.to_thread(machine)
        await asyncio.to_thread(prepare)
        self._link.publish(self._discovery(self._link.topics))
        self._link.start()
        if mqtt.log != "off":
            self._log_lines = LogLines(mqtt.log, self.publish, self._clock)
            logging.getLogger().addHandler(self._log_lines)

    def report(self, report: Report) -> None:
        """Tell it to the log and, as soon as it listens, to the broker."""
        logbook.write(report)
        self.publish(report)

    def publish(self, report: Report) -> None:
        """Tell it to the broker alone; what happens is kept, too."""
        if self._payloads is None:
            return
        values = self._payloads.messages(report)
        if isinstance(report, Happened):
            event_id = next(self._event_ids)
            self._keep(report, self._payloads.happening(report, event_id), event_id)
        if self._link is not None:
            for message in values:
                self._link.publish(message)

    def inform(self, about: Info) -> None:
        """Tell the broker what the speaker is, and how it is set."""
        if self._link is not None:
            told = info(self._link.topics, about, instance=self._link.instance, hardware=self._hardware)
            self._link.publish(told)

    def traffic(self) -> Json:
        """How the link to the broker fares, as JSON; None without one."""
        if self._link is None:
            return None
        figures = self._link.figures
        since = figures.connected_since
        return traffic(
            figures, None if since is None else self._wall(since).isoformat(timespec="milliseconds")
        )

    def kept(self) -> Json:
        """How much the history holds, as JSON. It reads the file."""
        figures = self.history.figures()
        return {
            "bytes": figures.bytes,
            "conversations": figures.conversations,
            "utterances": figures.utterances,
            "waiting": figures.waiting,
            "dropped": figures.dropped,
        }

    def problems(self) -> Json:
        """Codes of what is wrong, the gravest first."""
        return list(self._payloads.problems) if self._payloads is not None else []

    async def stop(self, *, failed: bool = False, spent_s: float = 0.0) -> None:
        """Say goodbye to the broker. May be called twice.

        If the speaker ``failed``, the house shall know why: then it is also tried to reach a broker that was
        not reached yet, for what the rest of the stop, in seconds, left of its time.
        """
        self._rivalry.stop()
        log_lines, self._log_lines = self._log_lines, None
        if log_lines is not None:
            logging.getLogger().removeHandler(log_lines)
            log_lines.close()
        link = self._link
        if link is not None:
            await asyncio.to_thread(self.history.settle, SETTLE_S)
            self._link = None
            limit_s = max(FAREWELL_S, LAST_WORDS_S - spent_s) if failed else FAREWELL_S
            await asyncio.to_thread(link.close, limit_s, insist=failed)
        await asyncio.to_thread(self.history.close, SETTLE_S)
        broker, self._broker = self._broker, None
        if broker is not None:
            await broker.stop()

    def _discovery(self, topics: Topics) -> Message:
        """What Home Assistant shall know of the device; to be told nothing, it forgets what it knew."""
        discovery = self._settings.mqtt.discovery
        if not discovery.enabled:
            return withdrawal(topics, discovery.prefix)
        device = Device.from_settings(self._settings, self._hardware, self._wake_words)
        return announcement(topics, discovery.prefix, device)

    def _keep(self, report: Happened, message: Message, event_id: str) -> None:
        topic: str | None = message.topic
        retain = False
        if isinstance(report, ReportTranscript):
            policy = getattr(self._settings.mqtt.transcripts, report.side.value)
            topic = None if policy == "off" else topic
            retain = policy == "retained"
        # The very time that is told: clocks that are read again may differ by some milliseconds.
        at = datetime.fromisoformat(json.loads(message.payload)["ts"]).timestamp()
        to_send = topic if self._settings.mqtt.enabled else None
        self.history.record(Happening(event_id, report, at, message.payload, to_send, retain))

    def _history_works(self, line: str) -> None:
        """It does not, for that reason; or again, if there is none."""
        code = "history" if line else ""
        self.report(ReportProblem(code, line, self._clock(), ProblemSource.HISTORY))

    def _hear(self, command: Event | Request) -> None:
        if isinstance(command, RivalNoticed):
            self._rivalry.noticed(command.who)
        elif isinstance(command, Request):
            self._request(command)
        else:
            self._emit(command)

    def _wall(self, at: float) -> datetime:
        ago = self._clock() - at
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() - ago, UTC)


def _nobody() -> None:
    """Whom the history tells that there is something to send, if there is no broker."""


def _hand_over(loop: asyncio.AbstractEventLoop, function: Callable[[T], None], argument: T) -> None:
    """From another thread to the event loop; at the very end the loop may be closed already."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, argument)
