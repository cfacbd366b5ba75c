"""The engine with a real child process: talks, limits, losses and ends."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.engine import exchange
from moshi_speaker.engine.interface import AnsweredFrame
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.errors import (
    CheckpointError,
    EngineError,
    SpeakerError,
    TooSlowError,
    UnsupportedModelError,
)

MakeEngine = Callable[..., LocalEngine]
MakeFrame = Callable[[float], NDArray[np.float32]]
Answers = Callable[[LocalEngine, int], Awaitable[list[AnsweredFrame]]]


async def loss(engine: LocalEngine) -> EngineError:
    """How the engine is lost."""
    async with asyncio.timeout(20):
        with pytest.raises(EngineError) as caught:
            async for _ in engine.frames():
                pass
    return caught.value


def elapsed_since(start: float) -> float:
    return asyncio.get_running_loop().time() - start


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_frames_are_answered_in_order_with_sound_and_text(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers
) -> None:
    engine = make_engine("echo")
    info = await engine.start()
    assert info.model == "echo"
    assert info.load_s > 0
    assert 0 < info.frame_ms < 80
    engine.begin(5)
    for value in (0.25, 0.5, 0.75):
        engine.feed(frame(value))
    first, second, third = await answers(engine, 3)
    assert [(a.session, a.sequence) for a in (first, second, third)] == [(5, 0), (5, 1), (5, 2)]
    assert first.audio is None
    assert second.audio is not None and third.audio is not None
    assert np.array_equal(second.audio, frame(0.5)) and np.array_equal(third.audio, frame(0.75))
    assert [a.text for a in (first, second, third)] == ["1 ", "2 ", "3 "]
    assert [a.silent for a in (first, second, third)] == [False, True, False]
    assert [a.backlog for a in (first, second, third)] == [2, 1, 0]
    assert third.timings.queued_ms >= 0 and third.timings.compute_ms >= 0


async def test_each_session_starts_fresh_and_counts_from_zero(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers
) -> None:
    engine = make_engine("echo")
    await engine.start()
    for session in (1, 2):
        engine.begin(session)
        for _ in range(3):
            engine.feed(frame(0.0))
        got = await answers(engine, 3)
        assert [(a.session, a.sequence, a.text) for a in got] == [
            (session, 0, "1 "),
            (session, 1, "2 "),
            (session, 2, "3 "),
        ]
        engine.end()


async def test_answers_of_a_session_that_ended_do_not_reach_the_next(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers
) -> None:
    engine = make_engine("slow")
    await engine.start()
    engine.begin(1)
    for _ in range(10):
        engine.feed(frame(0.0))
    await answers(engine, 1)
    engine.begin(2)
    engine.feed(frame(0.0))
    (answer,) = await answers(engine, 1)
    assert (answer.session, answer.sequence, answer.text, answer.backlog) == (2, 0, "1 ", 0)


async def test_frames_without_a_session_are_ignored(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers
) -> None:
    engine = make_engine("echo")
    engine.feed(frame(0.1))
    await engine.start()
    engine.feed(frame(0.2))
    engine.begin(1)
    engine.feed(frame(0.3))
    (answer,) = await answers(engine, 1)
    assert answer.sequence == 0


async def test_a_slow_engine_drops_the_oldest_waiting_frames_and_counts_them(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers
) -> None:
    engine = make_engine("slow", max_backlog_frames=4)
    await engine.start()
    engine.begin(1)
    for _ in range(17):
        engine.feed(frame(0.0))
    assert engine.dropped_frames == 10
    got = await answers(engine, 7)
    assert [a.sequence for a in got] == [0, 1, 2, 13, 14, 15, 16]
    assert [a.backlog for a in got] == [6, 5, 4, 3, 2, 1, 0]


async def test_no_frame_is_sent_while_too_many_answers_are_unread(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "MAX_UNREAD", 1)
    engine = make_engine("echo", max_backlog_frames=4)
    await engine.start()
    engine.begin(1)
    for _ in range(5):
        engine.feed(frame(0.0))
    await asyncio.sleep(0.3)  # time for what must not happen
    engine.feed(frame(0.0))
    assert engine.dropped_frames == 1
    assert [a.sequence for a in await answers(engine, 5)] == [0, 2, 3, 4, 5]


async def test_a_speaker_that_was_held_up_does_not_blame_the_engine(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers
) -> None:
    engine = make_engine("slow", hang_timeout_s=0.5)
    await engine.start()
    engine.begin(1)
    engine.feed(frame(0.0))
    hold_up(0.8)
    assert len(await answers(engine, 1)) == 1


def hold_up(seconds: float) -> None:
    """Keep the event loop from running."""
    time.sleep(seconds)


async def test_answers_that_nobody_read_are_dropped_with_their_session(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers
) -> None:
    engine = make_engine("echo")
    await engine.start()
    engine.begin(1)
    for _ in range(3):
        engine.feed(frame(0.0))
    hold_up(0.5)  # so that all answers are there when the first one is read
    await answers(engine, 1)
    engine.begin(2)
    engine.feed(frame(0.0))
    (answer,) = await answers(engine, 1)
    assert answer.session == 2


async def test_a_session_begun_before_the_start_is_ignored(make_engine: MakeEngine, frame: MakeFrame) -> None:
    engine = make_engine("echo", max_backlog_frames=2)
    engine.begin(1)
    await engine.start()
    for _ in range(20):
        engine.feed(frame(0.0))
    assert engine.dropped_frames == 0


async def test_a_thousand_frames_go_through(make_engine: MakeEngine, frame: MakeFrame) -> None:
    engine = make_engine("echo")
    await engine.start()
    engine.begin(1)
    for ahead in range(10):
        engine.feed(frame(ahead))
    got: list[AnsweredFrame] = []
    async with asyncio.timeout(60):
        async for answer in engine.frames():
            got.append(answer)
            if len(got) == 1_000:
                break
            engine.feed(frame(answer.sequence + 10))
    assert [a.sequence for a in got] == list(range(1_000))
    assert all(a.audio is not None and a.audio[7] == a.sequence for a in got[1:])
    assert engine.dropped_frames == 0


async def test_what_the_model_prints_ends_in_the_log_and_not_in_the_protocol(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine("loud")
    await engine.start()
    engine.begin(1)
    engine.feed(frame(0.0))
    await answers(engine, 1)
    await engine.close()
    assert {"engine process: noise on standard output", "engine process: noise on descriptor 1"} <= set(
        caplog.messages
    )


async def test_the_start_says_what_it_is_busy_with(make_engine: MakeEngine) -> None:
    heard: list[str] = []
    await make_engine("echo", heard.append).start()
    assert heard == ["loading echo", "warming up"]


async def test_a_start_that_says_what_it_does_may_take_longer_than_the_timeout(
    make_engine: MakeEngine,
) -> None:
    heard: list[str] = []
    began = now()
    await make_engine("patient", heard.append, start_timeout_s=2.0).start()
    assert elapsed_since(began) > 2.0
    assert "downloading 90 %" in heard


async def test_a_start_that_takes_too_long_is_given_up(make_engine: MakeEngine) -> None:
    with pytest.raises(EngineError, match=r"not ready within 1\.5 s; raise engine\.start_timeout_s"):
        await make_engine("endless", start_timeout_s=1.5).start()


@pytest.mark.parametrize(
    ("source", "error", "line"),
    [
        ("absent", CheckpointError, "absent: no such model; name another"),
        ("unsupported", UnsupportedModelError, "conditioners are not supported yet"),
        ("bug", EngineError, "the model failed: KeyError: 'oops'; the log has the details"),
    ],
)
async def test_a_load_that_fails_keeps_its_class_and_its_line(
    source: str, error: type[SpeakerError], line: str, make_engine: MakeEngine
) -> None:
    with pytest.raises(SpeakerError) as caught:
        await make_engine(source).start()
    assert type(caught.value) is error
    assert str(caught.value) == line


async def test_a_killed_engine_is_noticed_at_once_and_named_once(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers
) -> None:
    engine = make_engine("echo")
    await engine.start()
    engine.begin(1)
    engine.feed(frame(0.0))
    await answers(engine, 1)
    assert engine.pid
    os.kill(engine.pid, signal.SIGKILL)
    began = now()
    assert "the engine process was killed by SIGKILL" in str(await loss(engine))
    assert elapsed_since(began) < 5.0
    assert await loop_over(engine) == 0
    for _ in range(100):
        engine.feed(frame(0.0))
    assert engine.dropped_frames == 0
    engine.begin(2)
    engine.end()


@pytest.mark.skipif(sys.platform != "linux", reason="real-time signals are Linux's")
async def test_a_signal_without_a_name_is_told_by_its_number(make_engine: MakeEngine) -> None:
    engine = make_engine("echo")
    await engine.start()
    assert engine.pid
    os.kill(engine.pid, signal.SIGRTMIN + 6)
    assert f"was killed by signal {signal.SIGRTMIN + 6}" in str(await loss(engine))


async def test_an_engine_that_is_closed_while_it_starts_does_not_start(make_engine: MakeEngine) -> None:
    engine = make_engine("echo")
    start = asyncio.create_task(engine.start())
    await asyncio.sleep(0)
    await engine.close()
    with pytest.raises(EngineError, match="closed while it started"):
        await start


async def test_an_engine_that_hangs_in_a_frame_is_killed(make_engine: MakeEngine, frame: MakeFrame) -> None:
    engine = make_engine("stuck", hang_timeout_s=0.5)
    await engine.start()
    engine.begin(1)
    engine.feed(frame(1.0))
    began = now()
    assert str(await loss(engine)) == "the engine hangs: no answer for 0.5 s"
    assert 0.4 < elapsed_since(began) < 5.0


async def test_an_engine_stopped_while_idle_is_found_by_the_heartbeat(make_engine: MakeEngine) -> None:
    engine = make_engine("echo", hang_timeout_s=0.5)
    await engine.start()
    assert engine.pid
    os.kill(engine.pid, signal.SIGSTOP)
    assert "the engine hangs" in str(await loss(engine))


async def test_an_idle_engine_is_not_lost(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers
) -> None:
    engine = make_engine("echo", hang_timeout_s=0.6)
    await engine.start()
    idle = asyncio.ensure_future(answers(engine, 1))
    done, _ = await asyncio.wait({idle}, timeout=1.5)
    assert not done
    engine.begin(1)
    engine.feed(frame(0.0))
    assert len(await idle) == 1


async def test_a_bug_in_the_model_is_told_in_one_line_and_logged_in_full(
    make_engine: MakeEngine, frame: MakeFrame, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine("broken")
    await engine.start()
    engine.begin(1)
    engine.feed(frame(1.0))
    error = await loss(engine)
    assert str(error).startswith("the model failed: ValueError: a shape that does not fit")
    assert "engine process: ValueError: a shape that does not fit" in caplog.messages


async def test_an_idle_engine_closes_in_order_and_at_once(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine("echo")
    await engine.start()
    reading = asyncio.ensure_future(loop_over(engine))
    began = now()
    await engine.close()
    assert elapsed_since(began) < 2.0
    assert await reading == 0
    await engine.close()
    assert caplog.messages == []


async def loop_over(engine: LocalEngine) -> int:
    return len([answer async for answer in engine.frames()])


async def test_an_engine_that_is_stuck_still_closes_within_the_bound(
    make_engine: MakeEngine, frame: MakeFrame
) -> None:
    engine = make_engine("stuck")
    await engine.start()
    engine.begin(1)
    engine.feed(frame(1.0))
    began = now()
    await engine.close()
    assert elapsed_since(began) < 4.0


async def test_an_engine_that_cannot_listen_is_closed_by_force(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine("echo")
    await engine.start()
    assert engine.pid
    os.kill(engine.pid, signal.SIGSTOP)
    began = now()
    await engine.close()
    assert 1.9 < elapsed_since(began) < 6.0
    assert "the engine did not stop within 2 s and was killed" in caplog.messages


async def test_a_start_that_is_called_off_leaves_no_process(make_engine: MakeEngine) -> None:
    loading = asyncio.Event()
    engine = make_engine("endless", lambda text: loading.set())
    starting = asyncio.ensure_future(engine.start())
    async with asyncio.timeout(20):
        await loading.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_an_engine_can_be_closed_while_it_starts(make_engine: MakeEngine) -> None:
    loading = asyncio.Event()
    engine = make_engine("endless", lambda text: loading.set())
    starting = asyncio.ensure_future(engine.start())
    async with asyncio.timeout(20):
        await loading.wait()
    await engine.close()
    with pytest.raises(EngineError, match="closed while it started"):
        await starting


async def test_an_engine_that_was_never_started_closes(make_engine: MakeEngine) -> None:
    engine = make_engine("echo")
    await engine.close()
    assert await loop_over(engine) == 0


async def test_the_signals_of_terminal_and_service_manager_are_left_to_the_speaker(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine("echo")
    await engine.start()
    assert engine.pid
    os.kill(engine.pid, signal.SIGINT)
    os.kill(engine.pid, signal.SIGTERM)
    engine.begin(1)
    engine.feed(frame(0.0))
    assert len(await answers(engine, 1)) == 1
    assert caplog.messages == []


async def test_the_process_knows_which_blas_and_how_many_threads_to_use(make_engine: MakeEngine) -> None:
    heard: list[str] = []
    await make_engine("environment", heard.append, blas="builtin", threads=1).start()
    assert "BLAS builtin, threads 1" in heard


async def test_a_model_that_is_too_slow_does_not_start(make_engine: MakeEngine) -> None:
    with pytest.raises(TooSlowError) as caught:
        await make_engine("snail").start()
    assert str(caught.value).startswith("snail: too slow on this machine: a frame takes 2.5")
    assert caught.value.exit_code == 78


async def test_a_model_that_is_too_slow_gives_way_to_the_sibling_that_fits(
    make_engine: MakeEngine,
) -> None:
    heard: list[str] = []
    slow, fast = "kyutai/moshiko-mlx-bf16", "kyutai/moshiko-mlx-q4"
    info = await make_engine(slow, heard.append, too_slow="degrade").start()
    assert (info.replaces, info.problem) == (slow, "")
    assert info.realtime_factor < 0.8
    assert heard[-3].startswith(f"{slow}: too slow on this machine: a frame takes 1.")
    assert heard[-2:] == [f"loading {fast}", "warming up"]


async def test_a_backlog_is_worked_off_faster_than_real_time(
    make_engine: MakeEngine, frame: MakeFrame
) -> None:
    engine = make_engine("held up")
    await engine.start()
    engine.begin(1)
    engine.feed(frame(1.0))
    for _ in range(7):
        engine.feed(frame(0.0))
    got: list[AnsweredFrame] = []
    async with asyncio.timeout(20):
        async for answer in engine.frames():
            got.append(answer)
            if len(got) == 8:
                break
    assert [a.backlog for a in got] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert got[0].latency_ms >= 500
    worked_off_ms = got[-1].latency_ms - got[0].latency_ms
    assert worked_off_ms < 7 * 80
    assert engine.dropped_frames == 0


async def test_the_latency_of_a_frame_includes_its_wait(
    make_engine: MakeEngine, frame: MakeFrame, answers: Answers
) -> None:
    engine = make_engine("slow")
    await engine.start()
    engine.begin(1)
    for _ in range(6):
        engine.feed(frame(0.0))
    got = await answers(engine, 6)
    assert all(answer.latency_ms >= 50 * (index + 1) for index, answer in enumerate(got))
