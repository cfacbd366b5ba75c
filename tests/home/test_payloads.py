import json
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from moshi_speaker.events import (
    EchoFigures,
    EndReason,
    Happened,
    HearingFigures,
    ProblemSource,
    ProcessFigures,
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
    Side,
    SoundFigures,
    State,
    WakeFigures,
)
from moshi_speaker.home.payloads import Message, Payloads
from moshi_speaker.home.topics import Topics

TOPICS = Topics("moshi-speaker", "kitchen")
EPOCH = datetime(2026, 1, 2, 3, 0, 0, tzinfo=timezone(timedelta(hours=2)))

DIAGNOSTICS = ReportDiagnostics(
    model="kyutai/moshiko-mlx-q4",
    replaces="kyutai/moshiko-mlx-q8",
    blas="OpenBLAS",
    benchmark_ms=40.0,
    realtime_factor=0.51249,
    latency_p50_ms=48.04,
    latency_p95_ms=71.25,
    latency_p99_ms=90.0,
    backlog=1,
    dropped_frames=3,
    memory_active_bytes=5_000_000_000,
    memory_peak_bytes=5_500_000_000,
    memory_cache_bytes=500_000_000,
    started_at=0.5,
    hearing=HearingFigures(
        EchoFigures("open", reduction_db=31.25, delay_ms=61.0, drift_ppm=49.8765, residual_dbfs=-58.5),
        WakeFigures(detections=2, near_misses=1, histogram=(4, 0, 0, 0, 1, 0, 0, 0, 0, 2), last_score=0.01),
        SoundFigures(1, 2, 3, 4, 5, 6, 7, 0.02, 0.02, 0.08, None, 0.01),
    ),
)
HEALTH = ReportHealth(
    process=ProcessFigures(600.12345, 80_000_000, 90_000_000, 12.5, (0.5, 0.25, 0.125), 9, 31),
    sound=SoundFigures(1, 2, 3, 4, 5, 6, 7, 0.02, 0.02, 0.08, None, 0.01),
    mqtt={"connections": 2},
    history={"conversations": 3},
    problems=["engine"],
)
NOTHING_KNOWN = ReportDiagnostics(
    None, None, None, None, None, None, None, None, 0, 0, None, None, None, started_at=0.5
)

REPORTS: tuple[Report, ...] = (
    ReportState(State.IDLE),
    ReportMute(on=True),
    ReportVolume(70),
    ReportWake("hey_jarvis", 0.98765432, at=1.5),
    ReportConversationStarted("c1", "wake_word", at=2.0),
    ReportConversationEnded("c1", "wake_word", EndReason.SILENCE, duration_s=10.0, turns=3, at=12.0),
    ReportTranscript("c1", "Grüß Gott", turns=1, at=5.0),
    ReportProblem("engine", "engine: died; starting again", at=7.25),
    DIAGNOSTICS,
    HEALTH,
    ReportAnswer("set", {"name": "wake.threshold", "value": 0.6}, transaction="7"),
    ReportWakeSensitivity(0.5),
    ReportWakeWord("hey_jarvis"),
    ReportLogLine("warning", "the room is noisy", at=3.0),
)


def wall(at: float) -> datetime:
    return EPOCH + timedelta(seconds=at)


@pytest.fixture
def payloads() -> Payloads:
    return Payloads(TOPICS, wall, "here/7/0123abcd")


def by_topic(messages: tuple[Message, ...]) -> dict[str, Message]:
    assert len({message.topic for message in messages}) == len(messages)
    return {message.topic: message for message in messages}


def test_every_report_becomes_a_message(payloads: Payloads) -> None:
    assert {type(report) for report in REPORTS} == set(get_args(Report))
    for report in REPORTS:
        assert payloads.messages(report) or isinstance(report, Happened)
        assert not isinstance(report, Happened) or payloads.happening(report, "e1")


def test_values_are_retained_and_answers_and_lines_of_the_log_are_not(payloads: Payloads) -> None:
    events = {TOPICS.response("set"), TOPICS.log}
    for report in REPORTS:
        for message in payloads.messages(report):
            assert message.retain is (message.topic not in events)
            assert message.qos == 1


@pytest.mark.parametrize(
    ("report", "topic", "payload"),
    [
        (ReportState(State.LOADING), TOPICS.state, "loading"),
        (ReportMute(on=True), TOPICS.mute, "ON"),
        (ReportMute(on=False), TOPICS.mute, "OFF"),
        (ReportVolume(0), TOPICS.volume, "0"),
    ],
)
def test_single_values_are_plain_text(payloads: Payloads, report: Report, topic: str, payload: str) -> None:
    assert payloads.messages(report) == (Message(topic, payload, qos=1, retain=True),)


def test_wake_event_names_word_score_and_time_in_utc(payloads: Payloads) -> None:
    message = payloads.happening(ReportWake("hey_jarvis", 0.98765432, at=1.5), "b-e1")
    assert (message.topic, message.qos, message.retain) == (TOPICS.wake_event, 1, False)
    assert message.payload == (
        '{"event_type":"detected","wake_word":"hey_jarvis","score":0.9877,'
        '"ts":"2026-01-02T01:00:01.500+00:00","event_id":"b-e1","late":false}'
    )


def test_start_turns_the_conversation_on(payloads: Payloads) -> None:
    report = ReportConversationStarted("c1", "mqtt", at=2.0)
    sent = by_topic(payloads.messages(report))
    assert sent[TOPICS.conversation].payload == "ON"
    assert json.loads(sent[TOPICS.conversation_attributes].payload) == {
        "id": "c1",
        "trigger": "mqtt",
        "started_at": "2026-01-02T01:00:02.000+00:00",
        "turns": 0,
    }
    event = payloads.happening(report, "b-e1")
    assert event.topic == TOPICS.conversation_event
    assert json.loads(event.payload) == {
        "event_type": "started",
        "id": "c1",
        "trigger": "mqtt",
        "reason": None,
        "duration_s": None,
        "turns": 0,
        "ts": "2026-01-02T01:00:02.000+00:00",
        "event_id": "b-e1",
        "late": False,
    }


def test_end_turns_the_conversation_off_and_says_why(payloads: Payloads) -> None:
    ended = ReportConversationEnded("c1", "wake_word", EndReason.SILENCE, duration_s=10.0, turns=3, at=12.0)
    sent = by_topic(payloads.messages(ended))
    assert sent[TOPICS.conversation].payload == "OFF"
    assert json.loads(sent[TOPICS.conversation_attributes].payload) == {
        "id": "c1",
        "trigger": "wake_word",
        "started_at": "2026-01-02T01:00:02.000+00:00",
        "turns": 3,
    }
    event = json.loads(payloads.happening(ended, "b-e2").payload)
    assert (event["event_type"], event["reason"], event["duration_s"]) == ("ended", "silence", 10.0)


def test_started_and_ended_events_have_the_same_keys(payloads: Payloads) -> None:
    _, _, _, _, begin, end, *_ = REPORTS
    assert isinstance(begin, Happened)
    assert isinstance(end, Happened)
    started = payloads.happening(begin, "b-e1")
    ended = payloads.happening(end, "b-e2")
    assert list(json.loads(started.payload)) == list(json.loads(ended.payload))


def test_a_transcript_is_sent_as_it_was_said_and_counts_the_turns(payloads: Payloads) -> None:
    payloads.messages(ReportConversationStarted("c1", "mqtt", at=2.0))
    report = ReportTranscript("c1", "Grüße", turns=4, at=5.0)
    sent = by_topic(payloads.messages(report))
    event = payloads.happening(report, "b-e3")
    assert event.topic == TOPICS.transcript(Side.ASSISTANT)
    assert event.payload == (
        '{"event_type":"final","text":"Grüße","conversation_id":"c1",'
        '"ts":"2026-01-02T01:00:05.000+00:00","event_id":"b-e3","late":false}'
    )
    attributes = json.loads(sent[TOPICS.conversation_attributes].payload)
    assert attributes == {
        "id": "c1",
        "trigger": "mqtt",
        "started_at": "2026-01-02T01:00:02.000+00:00",
        "turns": 4,
    }


def test_a_late_transcript_does_not_touch_the_attributes(payloads: Payloads) -> None:
    payloads.messages(REPORTS[4])
    payloads.messages(REPORTS[5])
    assert payloads.messages(ReportTranscript("c1", "late", turns=4, at=13.0)) == ()


def test_each_side_has_a_topic_of_its_own(payloads: Payloads) -> None:
    for side in Side:
        report = ReportTranscript("c1", "Ja.", turns=1, at=5.0, side=side)
        assert payloads.happening(report, "b-e1").topic == TOPICS.transcript(side)


def test_a_problem_comes_and_goes(payloads: Payloads) -> None:
    on = by_topic(payloads.messages(ReportProblem("engine", "it died", at=0.0)))
    assert on[TOPICS.problem].payload == "ON"
    assert json.loads(on[TOPICS.problem_attributes].payload) == {
        "code": "engine",
        "message": "it died",
        "since": EPOCH.astimezone(UTC).isoformat(timespec="milliseconds"),
        "others": [],
    }
    off = by_topic(payloads.messages(ReportProblem("", "", at=9.0)))
    assert off[TOPICS.problem].payload == "OFF"
    assert json.loads(off[TOPICS.problem_attributes].payload) == {
        "code": None,
        "message": None,
        "since": None,
        "others": [],
    }


def test_of_several_problems_all_are_named(payloads: Payloads) -> None:
    payloads.messages(ReportProblem("history", "disk full", at=0.0, source=ProblemSource.HISTORY))
    both = by_topic(payloads.messages(ReportProblem("engine", "it died", at=1.0)))
    shown = json.loads(both[TOPICS.problem_attributes].payload)
    assert (shown["code"], shown["others"]) == ("engine", ["history"])
    one = by_topic(payloads.messages(ReportProblem("", "", at=2.0)))
    assert one[TOPICS.problem].payload == "ON"
    assert json.loads(one[TOPICS.problem_attributes].payload)["code"] == "history"


def test_before_the_first_report_all_is_quiet(payloads: Payloads) -> None:
    sent = by_topic(payloads.initial())
    assert sent[TOPICS.conversation].payload == "OFF"
    assert sent[TOPICS.problem].payload == "OFF"
    assert sent[TOPICS.conversation_attributes].payload == (
        '{"id":null,"trigger":null,"started_at":null,"turns":0}'
    )
    assert all(message.retain for message in sent.values())


def test_diagnostics_have_what_home_assistant_shows(payloads: Payloads) -> None:
    (message,) = payloads.messages(DIAGNOSTICS)
    assert message.topic == TOPICS.diagnostics
    assert json.loads(message.payload) == {
        "model": "kyutai/moshiko-mlx-q4",
        "replaces": "kyutai/moshiko-mlx-q8",
        "blas": "OpenBLAS",
        "rtf": 0.512,
        "frame_latency_ms": {"p50": 48.0, "p95": 71.2, "p99": 90.0},
        "backlog": 1,
        "dropped_frames": 3,
        "memory_bytes": 5_500_000_000,
        "memory": {"active": 5_000_000_000, "peak": 5_500_000_000, "cache": 500_000_000},
        "benchmark": {"frame_ms": 40.0, "rtf": 0.5, "frames_per_s": 25.0},
        "started_at": "2026-01-02T01:00:00.500+00:00",
        "instance": "here/7/0123abcd",
        "echo": {
            "rung": "open",
            "reduction_db": 31.25,
            "delay_ms": 61.0,
            "drift_ppm": 49.877,
            "residual_dbfs": -58.5,
        },
        "wake": {
            "detections": 2,
            "near_misses": 1,
            "histogram": [4, 0, 0, 0, 1, 0, 0, 0, 0, 2],
            "last_score": 0.01,
        },
        "sound": {
            "reopenings": 1,
            "overflows": 2,
            "underflows": 3,
            "gaps": 4,
            "dropped_blocks": 5,
            "bad_samples": 6,
            "clipped_samples": 7,
            "captured_s": 0.02,
            "sounding_s": 0.02,
            "scored_s": 0.08,
            "stepped_s": None,
            "played_s": 0.01,
        },
    }


def test_diagnostics_of_nothing_have_the_same_keys(payloads: Payloads) -> None:
    known, unknown = (
        json.loads(payloads.messages(report)[0].payload) for report in (DIAGNOSTICS, NOTHING_KNOWN)
    )
    assert list(unknown) == list(known)
    for key in ("frame_latency_ms", "memory", "benchmark", "echo", "wake", "sound"):
        assert unknown[key] == dict.fromkeys(known[key])
    assert (unknown["model"], unknown["rtf"], unknown["memory_bytes"]) == (None, None, None)
    assert (unknown["backlog"], unknown["dropped_frames"]) == (0, 0)


def test_health_tells_of_the_process_and_its_links(payloads: Payloads) -> None:
    (message,) = payloads.messages(HEALTH)
    assert message.topic == TOPICS.health
    told = json.loads(message.payload)
    assert told.pop("sound")["gaps"] == 4
    assert told == {
        "uptime_s": 600.123,
        "memory": {"rss": 80_000_000, "peak": 90_000_000},
        "cpu_s": 12.5,
        "load": {"1m": 0.5, "5m": 0.25, "15m": 0.125},
        "threads": 9,
        "open_files": 31,
        "mqtt": {"connections": 2},
        "history": {"conversations": 3},
        "problems": ["engine"],
    }


def test_health_of_nothing_has_the_same_keys(payloads: Payloads) -> None:
    nothing = ReportHealth(ProcessFigures(0.0, None, 0, 0.0, None, 1, None), None, None, None, [])
    known, unknown = (json.loads(payloads.messages(report)[0].payload) for report in (HEALTH, nothing))
    assert list(unknown) == list(known)
    for key in ("load", "sound"):
        assert unknown[key] == dict.fromkeys(known[key])


def test_the_time_of_the_start_never_changes() -> None:
    drift = iter((0.0, 0.004))
    payloads = Payloads(TOPICS, lambda at: wall(at + next(drift)))
    first, second = (json.loads(payloads.messages(DIAGNOSTICS)[0].payload) for _ in range(2))
    assert first["started_at"] == second["started_at"]


def test_a_changed_setting_is_answered_with_its_value_and_the_transaction(payloads: Payloads) -> None:
    (message,) = payloads.messages(
        ReportAnswer("set", {"name": "conversation.goodbye_phrases", "value": ["tschüss"]}, transaction=7)
    )
    assert (message.topic, message.qos, message.retain) == (TOPICS.response("set"), 1, False)
    assert json.loads(message.payload) == {
        "status": "ok",
        "data": {"name": "conversation.goodbye_phrases", "value": ["tschüss"]},
        "error": None,
        "transaction": 7,
    }


def test_a_refused_setting_is_answered_with_the_reason(payloads: Payloads) -> None:
    (message,) = payloads.messages(ReportAnswer("set", error="give a number from 0 to 1"))
    assert (message.topic, message.qos, message.retain) == (TOPICS.response("set"), 1, False)
    assert json.loads(message.payload) == {
        "status": "error",
        "data": None,
        "error": "give a number from 0 to 1",
        "transaction": None,
    }
