"""A whole speaker that could be deaf and look well: it says so, and mends what can be mended."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from moshi_speaker import events as ev
from moshi_speaker.audio.frames import FRAME_SAMPLES, Samples
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import daemon, heartbeat, sound
from moshi_speaker.wake.detector import WakeChunk
from tests.speaker.fakes import PATIENCE_S
from tests.speaker.stage import Stage, numbered, on_stage
from tests.speaker.witness import Witness

MakeSettings = Callable[..., Settings]
ZEROS = np.zeros(FRAME_SAMPLES, np.float32)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "HEARTBEAT_S", 0.01)


@pytest.fixture
def strict(make_settings: MakeSettings) -> Settings:
    """Settings with which a few zeros are too many."""
    return make_settings(audio={"zero_input_s": 0.3})


@contextmanager
def hearing(stage: Stage, frame: Samples) -> Iterator[None]:
    """The microphone hears the same frame all the time, as long as it is on."""

    async def push() -> None:
        while True:
            await asyncio.sleep(0.02)
            if stage.device.capturing:
                stage.device.push(frame, time.monotonic())

    pushing = asyncio.create_task(push())
    try:
        yield
    finally:
        pushing.cancel()


async def until_silent(witness: Witness) -> str:
    """Wait until the house knows; the message."""
    await witness.until("state", "error")
    return str((await witness.json("problem/attributes", code="microphone_silent"))["message"])


async def test_a_microphone_that_gives_zeros_is_an_error_until_it_gives_sound(strict: Settings) -> None:
    async with Witness(strict) as witness, on_stage(strict) as stage:
        await witness.until("state", "idle")
        stage.device.push(numbered(0), time.monotonic())
        with hearing(stage, ZEROS):
            message = await until_silent(witness)
        assert message.startswith("the microphone gives nothing but zeros: a device of the tests; ")
        await witness.until("problem", "ON")
        with hearing(stage, numbered(0)):
            await witness.until("state", "idle")
            await witness.until("problem", "OFF")


async def test_a_mute_ends_the_error_of_a_silent_microphone_and_closes_it(strict: Settings) -> None:
    async with Witness(strict) as witness, on_stage(strict) as stage:
        await witness.until("state", "idle")
        with hearing(stage, ZEROS):
            await until_silent(witness)
            await witness.send("mute/set", "ON")
            await witness.until("state", "muted")
        await stage.news.until(lambda: stage.device.capturing is False)


async def test_an_engine_that_answers_nothing_in_a_talk_is_restarted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "_exit", lambda code: None)  # the machine may be slow enough for the other hang
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        monkeypatch.setattr(heartbeat, "HANG_S", 0.5)
        with hearing(stage, numbered(0)):
            await witness.send("conversation/set", "start")
            problem = await witness.json("problem/attributes", code="engine")
            monkeypatch.setattr(heartbeat, "HANG_S", PATIENCE_S)
            assert problem["message"].startswith("the engine has stood still for ")
            await witness.until("problem", "OFF")
        assert len(stage.engines) == 2


async def test_a_front_end_that_hangs_ends_the_process_and_says_why(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    may_score = threading.Event()
    monkeypatch.setattr(daemon, "LAST_WORDS_S", 0.0)
    monkeypatch.setattr(os, "_exit", codes.append)
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        scores = stage.wake.scores

        def hang(chunk: WakeChunk) -> list[float]:
            may_score.wait(PATIENCE_S)
            return scores(chunk)

        monkeypatch.setattr(stage.wake, "scores", hang)
        monkeypatch.setattr(heartbeat, "HANG_S", 0.2)
        with hearing(stage, numbered(0)):
            problem = await witness.json("problem/attributes", code="front_end")
            await stage.news.until(lambda: codes)
        may_score.set()
        assert problem["message"].startswith("the front end has stood still for ")
        assert codes[0] == 1


async def test_numbers_that_are_none_do_no_harm(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await stage.hear(1)
        stage.device.push(np.full(FRAME_SAMPLES, np.nan, np.float32), time.monotonic())
        stage.pushed += 1
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)
        assert all(np.isfinite(frame).all() for _, frame in stage.engine.fed)


async def test_its_health_tells_of_ages_and_counts(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await stage.hear(10)
        stage.device.pull(0.1)
        health = stage.speaker.sound_figures
        ages = (health.captured_s, health.sounding_s, health.played_s, health.scored_s)
        assert all(age is not None and 0.0 <= age < PATIENCE_S for age in ages)
        assert health.stepped_s is None
        assert (health.reopenings, health.dropped_blocks, health.bad_samples) == (0, 0, 0)
        stage.device.vanish()
        await witness.until("state", "error")
        await witness.until("state", "idle")
        assert stage.speaker.sound_figures.reopenings == 1


async def test_zeros_may_be_allowed_in_mid_life(strict: Settings) -> None:
    async with Witness(strict) as witness, on_stage(strict) as stage:
        await witness.until("state", "idle")
        stage.speaker.request(ev.SettingRequested("audio.zero_input_s", 0.0))
        with hearing(stage, ZEROS):
            await asyncio.sleep(2 * strict.audio.zero_input_s)
        assert not any(topic == "problem" for topic, _ in await witness.rest())
