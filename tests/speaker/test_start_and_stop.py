"""A whole speaker at its start and its end: each within its time, whatever hangs."""

import asyncio
import logging
import os
import threading
import time

import pytest

from moshi_speaker.conversation import machine
from moshi_speaker.settings import Settings
from moshi_speaker.wake.detector import WakeChunk
from tests.speaker.fakes import PATIENCE_S
from tests.speaker.stage import STOP_S, numbered, on_stage
from tests.speaker.witness import Witness


async def test_everything_ends_within_its_time_and_offline_is_the_last_word(settings: Settings) -> None:
    async with Witness(settings) as witness:
        async with on_stage(settings) as stage:
            await witness.until("state", "idle")
            await witness.send("conversation/set", "start")
            await stage.until_session(1)
            assert await stage.stopped() < STOP_S
        heard = await witness.until("availability", "offline")
        assert ("state", "stopping") in heard
        assert any(topic == "event/conversation" and '"shutdown"' in payload for topic, payload in heard)
        assert not await witness.rest()


@pytest.mark.parametrize("hanging", ["engine", "device"])
async def test_a_part_that_hangs_while_it_closes_does_not_keep_the_speaker(
    settings: Settings, hanging: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        (stage.engine.may_close if hanging == "engine" else stage.device.may_stop).clear()
        assert await stage.stopped() < STOP_S
        await witness.until("availability", "offline")
        assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        stage.engine.closed = True
        stage.device.may_stop.set()
        await stage.news.until(lambda: stage.device.capturing is None)


async def test_a_device_that_hangs_while_it_opens_does_not_keep_the_speaker(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings, run=False) as stage:
        stage.device.may_start.clear()
        stage.run()
        await stage.news.until(lambda: stage.device.starts)
        assert await stage.stopped() < STOP_S
        await witness.until("availability", "offline")
        stage.device.may_start.set()
        await stage.news.until(lambda: stage.device.capturing is not None)
        stage.device.stop()


async def test_a_start_that_takes_too_long_ends_the_speaker(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "START_LIMIT_S", 0.1)
    async with on_stage(settings, run=False) as stage:
        stage.device.may_start.clear()
        stage.run()
        assert str(await stage.failed()) == "could not start in time"
        stage.device.may_start.set()
        await stage.news.until(lambda: stage.device.capturing is not None)
        stage.device.stop()


async def test_a_stop_that_takes_too_long_ends_the_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(machine, "STOP_LIMIT_S", 0.1)
    monkeypatch.setattr(os, "_exit", codes.append)
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        stage.engine.may_close.clear()
        stage.speaker.stop()
        await stage.failed()  # which the true exit leaves no time for
        assert codes == [1]
        assert "could not stop in time" in caplog.messages
        stage.engine.closed = True


async def test_a_stop_while_a_wake_model_hangs_ends_the_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    may_score, hangs = threading.Event(), threading.Event()

    def exit_process(code: int) -> None:
        codes.append(code)
        may_score.set()  # the true exit does not wait for it

    def hang(chunk: WakeChunk) -> list[float]:
        hangs.set()
        may_score.wait(PATIENCE_S)
        return [0.0]

    monkeypatch.setattr(machine, "STOP_LIMIT_S", 0.1)
    monkeypatch.setattr(os, "_exit", exit_process)
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        monkeypatch.setattr(stage.wake, "scores", hang)
        stage.device.push(numbered(0), time.monotonic())
        assert await asyncio.to_thread(hangs.wait, PATIENCE_S)
        stage.speaker.stop()
        await stage.failed()
        assert codes == [1]


async def test_it_stops_in_the_middle_of_the_start_of_the_engine(settings: Settings) -> None:
    async with on_stage(settings, run=False) as stage:
        stage.prepare_engine().may_start.clear()
        stage.run()
        await stage.news.until(lambda: stage.engines and stage.engine.started)
        assert await stage.stopped() < 1.0


async def test_it_can_be_asked_to_stop_before_it_runs_and_more_than_once(settings: Settings) -> None:
    async with on_stage(settings, run=False) as stage:
        stage.speaker.stop()
        stage.run()
        stage.speaker.stop()
        await asyncio.wait_for(stage.running, PATIENCE_S)
        assert not stage.engines
        stage.speaker.stop()
