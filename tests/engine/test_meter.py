"""Figures of a talk, over its newest minute."""

import pytest

from moshi_speaker.engine.interface import AnsweredFrame, Timings
from moshi_speaker.engine.meter import WINDOW_FRAMES, FrameMeter


def answer(latency_ms: float, compute_ms: float = 40.0, backlog: int = 0) -> AnsweredFrame:
    return AnsweredFrame(1, 0, None, "", True, Timings(0.0, compute_ms), backlog, latency_ms)


def test_before_the_first_answer_nothing_is_known() -> None:
    assert FrameMeter().figures() is None


def test_latencies_are_told_by_the_shares_of_frames_below_them() -> None:
    meter = FrameMeter()
    for latency_ms in reversed(range(1, 101)):
        meter.note(answer(latency_ms))
    figures = meter.figures()
    assert figures is not None
    assert (figures.p50_ms, figures.p95_ms, figures.p99_ms) == (50, 95, 99)


def test_one_frame_is_all_of_them() -> None:
    meter = FrameMeter()
    meter.note(answer(70.0, compute_ms=60.0, backlog=2))
    figures = meter.figures()
    assert figures is not None
    assert (figures.p50_ms, figures.p99_ms, figures.backlog) == (70, 70, 2)
    assert figures.realtime_factor == pytest.approx(0.75)


def test_the_real_time_factor_is_a_mean_and_the_backlog_the_newest() -> None:
    meter = FrameMeter()
    for compute_ms, backlog in ((20.0, 9), (60.0, 1)):
        meter.note(answer(50.0, compute_ms, backlog))
    figures = meter.figures()
    assert figures is not None
    assert figures.realtime_factor == pytest.approx(0.5)
    assert figures.backlog == 1


def test_only_the_newest_minute_is_kept_and_all_frames_are_counted() -> None:
    meter = FrameMeter()
    for _ in range(100):
        meter.note(answer(1_000.0))
    for _ in range(WINDOW_FRAMES):
        meter.note(answer(30.0))
    figures = meter.figures()
    assert figures is not None
    assert figures.p99_ms == 30.0
    assert meter.frames == 100 + WINDOW_FRAMES
