"""Moshi's voice decoded by a real process of its own, with a small model."""

import asyncio
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from moshi_speaker.engine.duet import Duet
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.engine.startup import Pipeline
from moshi_speaker.engine.voice import VoiceProcess, with_voice
from moshi_speaker.errors import EngineError
from moshi_speaker.moshi.dialogue import Dialogue, load
from moshi_speaker.moshi.synthetic import write_checkpoint
from moshi_speaker.settings import EngineSettings, ModelSettings

SOUND = np.random.default_rng(1).normal(0, 0.2, (8, 1_920)).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelSettings:
    folder = tmp_path_factory.mktemp("model")
    write_checkpoint(folder)
    return ModelSettings(source=str(folder), seed=3)


@pytest.fixture
def dialogue(model: ModelSettings) -> Dialogue:
    return load(model, lambda _: None)


@pytest.fixture
def voice(dialogue: Dialogue) -> Iterator[VoiceProcess]:
    process = VoiceProcess(dialogue.voice, {})
    process.wait()
    yield process
    process.close()


def test_two_processes_say_what_one_says(
    dialogue: Dialogue, voice: VoiceProcess, model: ModelSettings
) -> None:
    alone = load(model, lambda _: None)
    alone.reset()
    dialogue.reset()
    duet = Duet(dialogue, voice)
    for _ in range(2):
        for frame in SOUND:
            expected, reply = alone.step(frame), duet.step(frame)
            assert (reply.text, reply.silent) == (expected.text, expected.silent)
            found = reply.audio
            assert (found is None) == (expected.audio is None)
            if found is not None and expected.audio is not None:
                assert np.array_equal(found, expected.audio)
        alone.reset()
        duet.reset()


def test_the_next_frame_is_heard_while_a_voice_is_stopped(dialogue: Dialogue, voice: VoiceProcess) -> None:
    duet = Duet(dialogue, voice)
    duet.reset()
    os.kill(voice.pid, signal.SIGSTOP)
    replies = [duet.step(frame) for frame in SOUND[:3]]
    os.kill(voice.pid, signal.SIGCONT)
    assert replies[-1].audio is not None


def test_a_voice_that_dies_is_named(voice: VoiceProcess) -> None:
    os.kill(voice.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="voice was killed by SIGKILL"):
        voice.sound()
    with pytest.raises(EngineError, match="voice was killed by SIGKILL"):
        for _ in range(100):  # the pipe may still take the first
            voice.speak(np.zeros(8, np.int32))


def test_only_a_model_that_says_so_gets_a_voice_of_its_own(model: ModelSettings) -> None:
    dialogue = load(model, lambda _: None)
    dialogue.voice = None
    assert with_voice(lambda *_: dialogue)(model, lambda _: None) is dialogue


def test_a_dialogue_that_gave_its_voice_away_talks_on_and_holds_less(model: ModelSettings) -> None:
    dialogue = load(model, lambda _: None)
    gc.collect()
    whole = mx.get_active_memory()
    dialogue.give_voice_away()
    gc.collect()
    assert mx.get_active_memory() < whole
    for _ in range(2):
        dialogue.reset()
        assert [dialogue.hear(frame) for frame in SOUND][-1].codes is not None


def test_a_voice_tells_how_much_memory_it_takes(voice: VoiceProcess) -> None:
    assert 10_000 < voice.held_bytes < mx.get_peak_memory()


async def test_an_engine_whose_voice_dies_is_lost_and_says_why(model: ModelSettings) -> None:
    engine = LocalEngine(model, EngineSettings(benchmark_frames=3, too_slow="warn"))
    await engine.start()
    try:
        (voice,) = children(engine.pid)
        os.kill(voice, signal.SIGKILL)
        engine.begin(1)
        for frame in SOUND:
            engine.feed(frame)
        with pytest.raises(EngineError, match="voice was killed by SIGKILL"):
            async with asyncio.timeout(30):
                async for _ in engine.frames():
                    pass
    finally:
        await engine.close()


async def test_a_killed_engine_leaves_no_voice_behind(model: ModelSettings) -> None:
    engine = LocalEngine(model, EngineSettings(benchmark_frames=3, too_slow="warn"))
    await engine.start()
    (voice,) = children(engine.pid)
    watch = os.pidfd_open(voice)
    try:
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(watch, gone.set)
        async with asyncio.timeout(10):
            await gone.wait()
    finally:
        asyncio.get_running_loop().remove_reader(watch)
        os.close(watch)
        await engine.close()


def test_the_start_measures_hearing_and_speaking_at_once(dialogue: Dialogue, voice: VoiceProcess) -> None:
    pipeline = Pipeline(Duet(dialogue, voice))
    for frame in SOUND:
        pipeline.step(frame)
    pipeline.drain()
    pipeline.drain()


def children(pid: int | None) -> list[int]:
    """Process ids of the children of a process (proc(5))."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
