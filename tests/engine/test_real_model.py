"""The engine with the real model code: a small random checkpoint, loaded, talked to and refreshed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker.engine.interface import AnsweredFrame
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.errors import CheckpointError
from moshi_speaker.moshi.synthetic import write_checkpoint
from moshi_speaker.settings import EngineSettings, ModelSettings

SOUND = np.random.default_rng(1).normal(0, 0.2, (12, 1_920)).astype(np.float32)


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small random checkpoint."""
    folder = tmp_path_factory.mktemp("model")
    write_checkpoint(folder)
    return folder


@pytest.fixture
async def engine(small_model: Path) -> AsyncIterator[LocalEngine]:
    """An engine with the small model and a fixed seed, not started yet."""
    settings = EngineSettings(benchmark_frames=5, too_slow="warn")
    engine = LocalEngine(ModelSettings(source=str(small_model), seed=3), settings)
    yield engine
    await engine.close()


async def talk(engine: LocalEngine, session: int) -> list[AnsweredFrame]:
    """A session in which all of the sound is heard."""
    engine.begin(session)
    for frame in SOUND:
        engine.feed(frame)
    answers: list[AnsweredFrame] = []
    async with asyncio.timeout(60):
        async for answer in engine.frames():
            answers.append(answer)
            if len(answers) == len(SOUND):
                break
    engine.end()
    return answers


async def test_a_session_brings_sound_and_the_next_one_starts_all_over(engine: LocalEngine) -> None:
    info = await engine.start()
    assert info.frame_ms > 0 and info.realtime_factor == info.frame_ms / 80
    assert 0 < info.memory.active_bytes <= info.memory.peak_bytes
    first, second = await talk(engine, 1), await talk(engine, 2)
    for answer, again in zip(first, second, strict=True):
        assert answer.text == again.text and answer.silent == again.silent
        assert (answer.audio is None) == (again.audio is None)
        if answer.audio is not None and again.audio is not None:
            assert answer.audio.shape == (1_920,)
            assert np.array_equal(answer.audio, again.audio)
    assert first[-1].audio is not None


async def test_a_folder_without_a_model_is_a_checkpoint_error(tmp_path: Path) -> None:
    engine = LocalEngine(ModelSettings(source=str(tmp_path)), EngineSettings())
    with pytest.raises(CheckpointError) as caught:
        await engine.start()
    assert str(tmp_path) in str(caught.value)
    assert caught.value.exit_code == 69
