"""A whole speaker with a real engine process that cannot keep up, or could not for a moment."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS
from moshi_speaker.engine.interface import Engine, Status
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.settings import Settings
from tests.speaker.fakes import PATIENCE_S
from tests.speaker.stage import Stage, on_stage
from tests.speaker.witness import Witness

MakeSettings = Callable[..., Settings]


@pytest.fixture(autouse=True)
def dialogues_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(Path(__file__).parents[1] / "engine")
    monkeypatch.setenv("PYTHONPATH", folder, prepend=os.pathsep)


def engines(settings: Settings) -> Callable[[Status], Engine]:
    """Makes real engines with a dialogue of the tests."""
    arguments = ("--dialogue", "fake_dialogue:load")
    return lambda status: LocalEngine(settings.model, settings.engine, status=status, worker_args=arguments)


async def speak(stage: Stage) -> None:
    """Let the microphone hear something soft, as fast as time goes by."""
    began, frame = time.monotonic(), np.full(FRAME_SAMPLES, 1e-4, np.float32)
    for number in range(round(PATIENCE_S / FRAME_SECONDS)):
        stage.device.push(frame, began + number * FRAME_SECONDS)
        await asyncio.sleep(began + (number + 1) * FRAME_SECONDS - time.monotonic())


async def test_an_engine_that_stays_behind_drops_frames_and_ends_the_talk(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_settings(
        model={"source": "snail"},
        engine={
            "warmup_frames": 1,
            "benchmark_frames": 3,
            "max_realtime_factor": 10.0,
            "max_backlog_frames": 4,
            "lag_timeout_s": 0.5,
        },
    )
    async with Witness(settings) as witness, on_stage(settings, make_engine=engines(settings)) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await witness.until("state", "conversation")
        speaking = asyncio.create_task(speak(stage))
        try:
            heard = await witness.until("event/conversation", that=lambda text: "ended" in text)
        finally:
            speaking.cancel()
        assert json.loads(heard[-1][1])["reason"] == "lag"
        told = json.loads(next(payload for topic, payload in reversed(heard) if topic == "diagnostics"))
        assert told["dropped_frames"] > 0
        assert told["rtf"] > 2.0
        assert told["frame_latency_ms"]["p95"] > 500
        await witness.until("state", "idle")
    assert sum("Moshi does not hear the oldest frames" in message for message in caplog.messages) == 1
