"""Engines with a real child process and a dialogue of the tests."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.engine.interface import AnsweredFrame
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.settings import EngineSettings, ModelSettings

MakeEngine = Callable[..., LocalEngine]


@pytest.fixture
async def make_engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeEngine]:
    """Builds engines by the name of their dialogue and engine settings; they are closed at the end."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    engines: list[LocalEngine] = []

    def make(source: str, status: Callable[[str], None] | None = None, **settings: object) -> LocalEngine:
        engine = LocalEngine(
            ModelSettings(source=source),
            EngineSettings.model_validate({"warmup_frames": 1, "benchmark_frames": 3, **settings}),
            status=status or (lambda text: None),
            worker_args=("--dialogue", "fake_dialogue:load"),
        )
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        await engine.close()
        assert engine.pid is None or not exists(engine.pid)


def exists(pid: int) -> bool:
    """There is such a process, be it a dead one that nobody has waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def frame() -> Callable[[float], NDArray[np.float32]]:
    """Frames that can be recognised: every sample is the given value."""
    return lambda value: np.full(1_920, value, np.float32)


@pytest.fixture
def answers() -> Callable[[LocalEngine, int], asyncio.Future[list[AnsweredFrame]]]:
    """The next n answers of an engine, within a time that only a bug needs."""

    async def collect(engine: LocalEngine, count: int) -> list[AnsweredFrame]:
        got: list[AnsweredFrame] = []
        async with asyncio.timeout(20):
            async for answer in engine.frames():
                got.append(answer)
                if len(got) == count:
                    break
        return got

    return lambda engine, count: asyncio.ensure_future(collect(engine, count))
