"""The engine is timed on request while nobody talks, and never at the cost of a talk."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import trial
from moshi_speaker.speaker.trial import FIRST_SESSION, WARM_UP_FRAMES
from tests.speaker.fakes import FakeEngine
from tests.speaker.stage import Stage, numbers, on_stage
from tests.speaker.witness import Witness

MakeSettings = Callable[..., Settings]

FRAMES = 10
ALL_FRAMES = WARM_UP_FRAMES + FRAMES


async def begin(stage: Stage, witness: Witness, transaction: str = "t", session: int = FIRST_SESSION) -> None:
    """Ask for a bench, whose first frame the engine has then."""
    await witness.send("request/bench", json.dumps({"frames": FRAMES, "transaction": transaction}))
    await stage.news.until(lambda: [number for number, _ in stage.engine.fed][-1:] == [session])


async def outcome(witness: Witness, transaction: str = "t") -> dict[str, Any]:
    return await witness.json("response/bench", transaction=transaction)


def _has_taken(engine: FakeEngine, answers: int) -> bool:
    return engine.taken == answers


async def work_off(stage: Stage, frames: int) -> None:
    """Let the engine answer so many frames, each within a number of milliseconds that is its own."""
    engine = stage.engine
    for _ in range(frames):
        await stage.news.until(lambda: len(engine.fed) == engine.taken + 1)
        engine.answer("words", np.ones(1920, np.float32), latency_ms=float(engine.taken))
        before = engine.taken
        await stage.news.until(partial(_has_taken, engine, before + 1))


async def test_frames_are_timed_one_by_one_and_nobody_hears_them(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await begin(stage, witness)
        await work_off(stage, ALL_FRAMES)
        answer = await outcome(witness)
        assert (answer["status"], answer["error"]) == ("ok", None)
        assert answer["data"] == {
            "frames": FRAMES,
            "frame_ms": {"median": 7.5, "p95": 12.0},
            "rtf": 0.094,
            "frames_per_s": 133.33,
        }
        assert stage.engine.ended == 1
        assert not stage.device.pull(0.5).any()
        assert not [topic for topic, _ in await witness.rest() if topic.startswith("transcript")]
        await begin(stage, witness, "again", FIRST_SESSION + 1)


async def test_a_talk_that_begins_ends_a_bench_and_loses_nothing(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await stage.hear(40)
        await begin(stage, witness)
        await work_off(stage, 2)
        timed = len(stage.engine.fed)
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)
        answer = await outcome(witness)
        assert answer["error"] == "a conversation began; try again later"
        stage.engine.answer("late", session=FIRST_SESSION)
        await stage.hear(10)
        await stage.news.until(lambda: numbers(stage.engine)[-1:] == [79])
        heard = numbers(stage.engine)[timed:]
        assert heard == list(range(heard[0], 80))
        assert {session for session, _ in stage.engine.fed[timed:]} == {1}


@pytest.mark.parametrize("moment", ["talking", "loading", "twice"])
async def test_it_is_refused_when_the_engine_has_something_else_to_do(
    settings: Settings, moment: str
) -> None:
    reason = {"talking": "a conversation goes on", "loading": "no engine", "twice": "another bench runs"}
    async with Witness(settings) as witness, on_stage(settings, run=False) as stage:
        engine = stage.prepare_engine()
        if moment == "loading":
            engine.may_start.clear()
        stage.run()
        await witness.until("state", "loading" if moment == "loading" else "idle")
        if moment == "talking":
            await witness.send("conversation/set", "start")
            await stage.until_session(1)
        if moment == "twice":
            await begin(stage, witness, "first")
        await witness.send("request/bench", '{"transaction": "t"}')
        answer = await outcome(witness)
        assert (answer["status"], answer["data"]) == ("error", None)
        assert reason[moment] in answer["error"]


async def test_it_works_while_the_microphone_is_muted(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("mute/set", "ON")
        await witness.until("state", "muted")
        await begin(stage, witness)
        await work_off(stage, ALL_FRAMES)
        assert (await outcome(witness))["status"] == "ok"


async def test_an_engine_that_is_lost_ends_it(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await begin(stage, witness)
        first: FakeEngine = stage.engine
        first.lose()
        answer = await outcome(witness)
        assert answer["error"] == "the engine is gone; try again later"
        await stage.news.until(lambda: stage.engine is not first and stage.engine.started)
        await asyncio.sleep(0)
        await begin(stage, witness, "again", FIRST_SESSION + 1)


async def test_a_stop_ends_it(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await begin(stage, witness)
        await stage.stopped()
        assert (await outcome(witness))["error"] == "the speaker stops; try again later"


async def test_the_real_engine_is_timed_and_talks_afterwards(
    make_settings: MakeSettings, tiny_model: Path
) -> None:
    settings = make_settings(model={"source": str(tiny_model)}, engine={"too_slow": "warn"})

    async with (
        Witness(settings) as witness,
        on_stage(settings, make_engine=lambda status: LocalEngine(settings.model, settings.engine)) as stage,
    ):
        await witness.until("state", "idle", within_s=60.0)
        for transaction in ("1", "2"):
            await witness.send("request/bench", json.dumps({"transaction": transaction}))
            answer = await outcome(witness, transaction)
            data = answer["data"]
            assert data["frames"] == 25
            assert 0.0 < data["frame_ms"]["median"] <= data["frame_ms"]["p95"]
            assert data["rtf"] == pytest.approx(data["frame_ms"]["median"] / 80.0, abs=0.001)
        await witness.send("request/bench", '{"frames": 250, "transaction": "3"}')
        await witness.send("request/health", "")
        await witness.until("response/health")  # so the bench runs
        await witness.send("conversation/set", "start")
        assert (await outcome(witness, "3"))["error"] == "a conversation began; try again later"
        await stage.hear(12)
        await witness.send("conversation/set", "stop")
        told = await witness.until(
            "diagnostics", that=lambda text: json.loads(text)["frame_latency_ms"]["p50"] is not None
        )
        assert json.loads(told[-1][1])["dropped_frames"] == 0


async def test_an_engine_that_does_not_answer_is_not_waited_for_for_ever(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "ANSWER_S", 0.05)
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await begin(stage, witness)
        answer = await outcome(witness)
        assert answer["error"] == "the engine has not answered for 0.05 s; try again later"
        assert not stage.engine.talks
        await begin(stage, witness, "again", FIRST_SESSION + 1)
