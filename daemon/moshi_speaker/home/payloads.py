"""What a report looks like on MQTT: topic, payload, retain flag.

Plain text where there is one value, JSON where there are several. A JSON payload has all of its keys
every time, with null for what is not known, because Home Assistant's templates warn of a missing key.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from moshi_speaker.events import (
    Happened,
    Json,
    Report,
    ReportAnswer,
    ReportConversationEnded,
    ReportConversationStarted,
    ReportDiagnostics,
    ReportHealth,
    ReportLogLine,
    ReportMute,
    ReportProblem,
    ReportState,
    ReportTranscript,
    ReportVolume,
    ReportWake,
    ReportWakeSensitivity,
    ReportWakeWord,
    Transaction,
)
from moshi_speaker.home.figures import health, hearing
from moshi_speaker.home.problems import Problems
from moshi_speaker.home.topics import Topics

ONLINE = "online"
OFFLINE = "offline"

FRAME_MS = 80.0
"""Milliseconds that one frame lasts."""


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message."""

    topic: str
    payload: str
    qos: int
    """0 or 1."""
    retain: bool
    """The broker keeps it as the current value of its topic."""

    @property
    def encoded(self) -> bytes:
        """The payload as it is sent: halves of characters, as names of files may have, do no harm."""
        return self.payload.encode(errors="replace")


class Payloads:
    """Turns reports into messages; remembers the current conversation and the start."""

    def __init__(self, topics: Topics, wall: Callable[[float], datetime], instance: str = "") -> None:
        """``wall`` turns a time of the monotonic clock, in seconds, into an aware date and time; ``instance``
        tells this process from others with the same id."""
        self._topics = topics
        self._instance = instance
        self._problems = Problems()
        self._wall = wall
        self._talk: tuple[ReportConversationStarted, str] | None = None
        """The current conversation, and the date and time of its start."""
        self._started_at: str | None = None
        """Date and time of the speaker's start."""

    @property
    def problems(self) -> list[str]:
        """Codes of what is wrong, the gravest first."""
        return self._problems.codes

    def initial(self) -> tuple[Message, ...]:
        """What holds before the first report: no conversation, no problem."""
        return (
            self._conversation_attributes(None, None, None, 0),
            _value(self._topics.conversation, "OFF"),
            *self._problem_now(),
        )

    def messages(self, report: Report) -> tuple[Message, ...]:
        """What holds after one report, and answers; in the order in which they should be sent."""
        match report:
            case ReportState():
                return (_value(self._topics.state, report.state.value),)
            case ReportMute():
                return (_value(self._topics.mute, _switch(report.on)),)
            case ReportVolume():
                return (_value(self._topics.volume, str(report.percent)),)
            case ReportWakeSensitivity(sensitivity):
                return (_value(self._topics.wake_sensitivity, f"{sensitivity:g}"),)
            case ReportWakeWord(option):
                return (_value(self._topics.wake_word, option),)
            case ReportAnswer(command, data, error, transaction):
                return (answer(self._topics, command, data, error, transaction),)
            case ReportLogLine():
                return (self._log_line(report),)
            case ReportWake():
                return ()
            case ReportConversationStarted():
                return self._started(report)
            case ReportConversationEnded():
                return self._ended(report)
            case ReportTranscript():
                return self._transcript(report)
            case ReportProblem():
                return self._problem(report)
            case ReportDiagnostics():
                return (self._diagnostics(report),)
            case ReportHealth():
                return (_value(self._topics.health, _json(**health(report))),)

    def happening(self, report: Happened, event_id: str) -> Message:
        """What tells that it happened, once; to be asked for after the ``messages`` of the same report.

        ``event_id`` is unique for life. ``late`` is for whoever sends it to set.
        """
        match report:
            case ReportWake():
                return self._wake(report, event_id)
            case ReportConversationStarted():
                return self._start(report, event_id)
            case ReportConversationEnded():
                return self._end(report, event_id)
            case ReportTranscript():
                return self._said(report, event_id)

    def _log_line(self, report: ReportLogLine) -> Message:
        return _event(self._topics.log, level=report.level, message=report.message, ts=self._time(report.at))

    def _wake(self, report: ReportWake, event_id: str) -> Message:
        return _happening(
            self._topics.wake_event,
            event_id,
            event_type="detected",
            wake_word=report.wake_word,
            score=round(report.score, 4),
            ts=self._time(report.at),
        )

    def _started(self, report: ReportConversationStarted) -> tuple[Message, ...]:
        started = self._time(report.at)
        self._talk = (report, started)
        return (
            self._conversation_attributes(report.conversation_id, report.trigger, started, 0),
            _value(self._topics.conversation, "ON"),
        )

    def _start(self, report: ReportConversationStarted, event_id: str) -> Message:
        return _happening(
            self._topics.conversation_event,
            event_id,
            event_type="started",
            id=report.conversation_id,
            trigger=report.trigger,
            reason=None,
            duration_s=None,
            turns=0,
            ts=self._talk[1] if self._talk and self._talk[0] is report else self._time(report.at),
        )

    def _ended(self, report: ReportConversationEnded) -> tuple[Message, ...]:
        # The very text of the start: clocks that are read again may differ by some milliseconds.
        started = self._talk[1] if self._talk else self._time(report.at - report.duration_s)
        self._talk = None
        return (
            self._conversation_attributes(report.conversation_id, report.trigger, started, report.turns),
            _value(self._topics.conversation, "OFF"),
        )

    def _end(self, report: ReportConversationEnded, event_id: str) -> Message:
        return _happening(
            self._topics.conversation_event,
            event_id,
            event_type="ended",
            id=report.conversation_id,
            trigger=report.trigger,
            reason=report.reason.value,
            duration_s=round(report.duration_s, 3),
            turns=report.turns,
            ts=self._time(report.at),
        )

    def _said(self, report: ReportTranscript, event_id: str) -> Message:
        return _happening(
            self._topics.transcript(report.side),
            event_id,
            event_type="final",
            text=report.text,
            conversation_id=report.conversation_id,
            ts=self._time(report.at),
        )

    def _transcript(self, report: ReportTranscript) -> tuple[Message, ...]:
        if self._talk is None or self._talk[0].conversation_id != report.conversation_id:
            return ()
        talk, started = self._talk
        return (self._conversation_attributes(talk.conversation_id, talk.trigger, started, report.turns),)

    def _problem(self, report: ReportProblem) -> tuple[Message, ...]:
        self._problems.note(report, self._time(report.at))
        return self._problem_now()

    def _problem_now(self) -> tuple[Message, ...]:
        problem = self._problems.shown
        attributes = _json(
            code=problem.code if problem else None,
            message=problem.message if problem else None,
            since=problem.since if problem else None,
            others=self._problems.codes[1:],
        )
        return (
            _value(self._topics.problem_attributes, attributes),
            _value(self._topics.problem, _switch(problem is not None)),
        )

    def _diagnostics(self, report: ReportDiagnostics) -> Message:
        # One text for good: clocks that are read again may differ by some milliseconds.
        self._started_at = self._started_at or self._time(report.started_at)
        return _value(
            self._topics.diagnostics,
            _json(
                model=report.model,
                replaces=report.replaces,
                blas=report.blas,
                rtf=_round(report.realtime_factor, 3),
                frame_latency_ms={
                    "p50": _round(report.latency_p50_ms, 1),
                    "p95": _round(report.latency_p95_ms, 1),
                    "p99": _round(report.latency_p99_ms, 1),
                },
                backlog=report.backlog,
                dropped_frames=report.dropped_frames,
                memory_bytes=_sum(report.memory_active_bytes, report.memory_cache_bytes),
                memory={
                    "active": report.memory_active_bytes,
                    "peak": report.memory_peak_bytes,
                    "cache": report.memory_cache_bytes,
                },
                benchmark=_benchmark(report.benchmark_ms),
                started_at=self._started_at,
                instance=self._instance,
                **hearing(report.hearing),
            ),
        )

    def _conversation_attributes(
        self, conversation_id: str | None, trigger: str | None, started_at: str | None, turns: int
    ) -> Message:
        attributes = _json(id=conversation_id, trigger=trigger, started_at=started_at, turns=turns)
        return _value(self._topics.conversation_attributes, attributes)

    def _time(self, at: float) -> str:
        return self._wall(at).astimezone(UTC).isoformat(timespec="milliseconds")


def answer(topics: Topics, command: str, data: Json, error: str, transaction: Transaction) -> Message:
    """The answer to a request; with an ``error`` it is a refusal."""
    return _event(
        topics.response(command),
        status="error" if error else "ok",
        data=data,
        error=error or None,
        transaction=transaction,
    )


def _value(topic: str, payload: str) -> Message:
    return Message(topic, payload, qos=1, retain=True)


def _event(topic: str, **fields: Json) -> Message:
    return Message(topic, _json(**fields), qos=1, retain=False)


def _happening(topic: str, event_id: str, **fields: Json) -> Message:
    # ``late`` is the last key: so it can be set in the text as it was kept.
    return _event(topic, **fields, event_id=event_id, late=False)


def _benchmark(frame_ms: float | None) -> dict[str, Json]:
    known = frame_ms or None  # a frame takes some time, if it was measured
    return {
        "frame_ms": _round(known, 2),
        "rtf": _round(known and known / FRAME_MS, 3),
        "frames_per_s": _round(known and 1_000 / known, 2),
    }


def _round(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)


def _sum(*numbers: int | None) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _switch(on: bool) -> str:
    return "ON" if on else "OFF"


def _json(**fields: Json) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
