"""What a speaker tells of its engine: over MQTT, retained, and in the log."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from moshi_speaker.engine.interface import EngineInfo, Memory
from moshi_speaker.errors import TooSlowError
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import vitals
from tests.speaker.stage import Stage, on_stage
from tests.speaker.witness import Witness

MakeSettings = Callable[..., Settings]
SLOW = EngineInfo("fake", 1.0, 96.0, problem="fake: too slow on this machine")
TOO_SLOW = TooSlowError("too slow on this machine", where="fake", remedy="take another")


async def diagnostics(witness: Witness, that: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The next diagnostics of which that is true."""
    heard = await witness.until("diagnostics", that=lambda text: that(json.loads(text)))
    told: dict[str, Any] = json.loads(heard[-1][1])
    return told


async def talk(stage: Stage, witness: Witness, latencies_ms: range) -> None:
    """A talk in which frames are answered within these times."""
    await witness.send("conversation/set", "start")
    await stage.until_session(1)
    for latency_ms in latencies_ms:
        stage.engine.answer(" la", compute_ms=60.0, latency_ms=float(latency_ms))
    await stage.news.until(lambda: stage.engine.taken == len(latencies_ms))


async def test_an_engine_that_is_ready_tells_its_pace_and_its_memory(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Witness(settings) as witness, on_stage(settings, run=False) as stage:
        stage.prepare_engine().info = EngineInfo(
            "fake", 2.5, 20.0, Memory(3 * 2**30, 4 * 2**30, 2**29), "OpenBLAS", replaces="big"
        )
        stage.run()
        told = await diagnostics(witness, lambda found: found["model"] == "fake")
        assert told["benchmark"] == {"frame_ms": 20.0, "rtf": 0.25, "frames_per_s": 50.0}
        assert told["rtf"] == 0.25
        assert told["frame_latency_ms"] == {"p50": None, "p95": None, "p99": None}
        assert told["memory"] == {"active": 7, "peak": 9, "cache": 1}
        assert (told["memory_bytes"], told["replaces"], told["blas"]) == (8, "big", "OpenBLAS")
    line = "fake is ready after 2.5 s: 20 ms a frame, 0.25 of real time, 50.0 frames/s, 3.50 GiB, OpenBLAS"
    assert line in caplog.messages
    assert "big is too slow on this machine: fake talks in its place" in caplog.messages


async def test_the_end_of_a_talk_tells_how_it_went(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await talk(stage, witness, range(1, 101))
        await witness.send("conversation/set", "stop")
        told = await diagnostics(witness, lambda found: found["frame_latency_ms"]["p50"] is not None)
        assert told["frame_latency_ms"] == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
        assert (told["rtf"], told["dropped_frames"]) == (0.75, 0)
        await witness.until("state", "idle")
    assert "100 frames answered within 50 ms (95 %: 95 ms), 0.75 of real time, 0 dropped" in caplog.messages


async def test_figures_come_by_themselves_while_a_talk_goes_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vitals, "PERIOD_S", 0.05)
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await talk(stage, witness, range(30, 40))
        told = await diagnostics(witness, lambda found: found["frame_latency_ms"]["p99"] == 39.0)
        assert told["rtf"] == 0.75
        assert stage.engine.ended == 0


async def test_dropped_frames_are_warned_of_once_a_talk_and_counted_over_engines(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        for dropped in (0, 2, 5):
            stage.engine.dropped_frames = dropped
            stage.engine.answer(" la")
            await stage.news.until(lambda: stage.engine.taken == {0: 1, 2: 2, 5: 3}[dropped])  # noqa: B023
        stage.engine.lose()
        await diagnostics(witness, lambda found: found["dropped_frames"] == 5 and found["model"] is None)
        await witness.until("state", "idle")
        stage.engine.dropped_frames = 2
        await witness.send("conversation/set", "start")
        await stage.until_session(2)
        stage.engine.answer(" la")
        await witness.send("conversation/set", "stop")
        await diagnostics(witness, lambda found: found["dropped_frames"] == 7)
    warnings = [text for text in caplog.messages if "Moshi does not hear the oldest frames" in text]
    assert len(warnings) == 1


async def test_an_engine_that_is_too_slow_but_may_run_is_a_problem_that_stays(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings, run=False) as stage:
        stage.prepare_engine().info = SLOW
        stage.run()
        problem = await witness.json("problem/attributes", code="too_slow")
        assert problem["message"] == SLOW.problem
        await witness.until("problem", "ON")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)


async def test_an_engine_that_is_too_slow_ends_the_process_with_its_exit_code(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings, run=False) as stage:
        engine = stage.prepare_engine()
        engine.start_error = TOO_SLOW
        engine.may_start.clear()
        stage.run()
        await witness.until("state", "loading")
        engine.may_start.set()
        assert await stage.failed() is TOO_SLOW
        problem = await witness.json("problem/attributes", code="too_slow")
        assert problem["message"] == str(TOO_SLOW)
        heard = await witness.until("availability", "offline")
        assert ("problem", "ON") in heard and ("problem", "OFF") not in heard
        assert len(stage.engines) == 1


async def test_an_engine_that_was_fast_enough_before_is_tried_again(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        stage.prepare_engine().start_error = TOO_SLOW
        stage.engine.lose()
        await witness.json("problem/attributes", code="too_slow")
        await witness.until("state", "idle")
        await witness.until("problem", "OFF")
        assert len(stage.engines) == 3
