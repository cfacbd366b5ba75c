"""Compiled steps against plain ones. On a CPU MLX compiles with the system's C++ compiler."""

import shutil
from collections.abc import Iterator
from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest

from moshi_speaker.moshi import compiling
from moshi_speaker.moshi.lm.generate import Generator, Step
from moshi_speaker.moshi.lm.layout import mlx_shapes
from moshi_speaker.moshi.lm.sampling import GREEDY, Sampling
from moshi_speaker.moshi.lm.stacking import stacked
from moshi_speaker.moshi.lm.temporal import MoshiLm
from moshi_speaker.moshi.lm.window import BUCKET
from tests.moshi.lm.small import SHARED_AND_LOW_RANK, random_weights

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="MLX calls g++ on a CPU")
CONFIG = replace(SHARED_AND_LOW_RANK, context=BUCKET + 10)
STEPS = BUCKET + 30
"""From the first bucket into the second, which the window cuts short, and round the ring."""


@pytest.fixture(scope="module", autouse=True)
def folder_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """MLX compiles in the temporary folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("compiled")))
        yield


@pytest.fixture(scope="module")
def model() -> MoshiLm:
    model = MoshiLm(CONFIG)
    model.load_weights(list(stacked(random_weights(mlx_shapes(CONFIG)), CONFIG).items()))
    return model


def talk(generator: Generator) -> list[Step]:
    frames = np.random.default_rng(1).integers(0, CONFIG.card, (STEPS, CONFIG.heard))
    done = [generator.start()]
    for frame in frames:
        done.append(generator.step(mx.array(frame)[None, :, None]))
        mx.eval(done[-1].text, done[-1].raw, *generator.state_arrays())
    return done


@needs_compiler
@pytest.mark.parametrize("sampling", [GREEDY, Sampling(seed=3)], ids=["greedy", "sampled"])
def test_compiled_steps_give_what_plain_ones_give(model: MoshiLm, sampling: Sampling) -> None:
    generators = [Generator(model, sampling, mx.float32, compiled=compiled) for compiled in (False, True)]
    plain, compiled = (talk(generator) for generator in generators)
    for one, other in zip(plain, compiled, strict=True):
        assert one.text.item() == other.text.item()
        assert one.raw.tolist() == other.raw.tolist()
        assert np.abs(np.array(one.logits) - np.array(other.logits)).max() < 1e-4


@needs_compiler
def test_a_small_function_tells_whether_compiling_works() -> None:
    assert compiling.can_compile()


def test_where_compiling_fails_steps_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arrays: mx.array) -> None:
        raise RuntimeError("[Compile::eval_cpu] the compiler is not there")

    monkeypatch.setattr(mx, "eval", fail)
    assert not compiling.can_compile()


def test_on_a_cpu_steps_are_not_compiled_and_on_a_gpu_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "can_compile", lambda: True)
    monkeypatch.setattr(compiling, "on_cpu", lambda: True)
    assert not compiling.compiles()
    monkeypatch.setattr(compiling, "on_cpu", lambda: False)
    assert compiling.compiles()


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=needs_compiler)])
def test_keys_and_values_are_written_in_place(compiled: bool) -> None:
    """The peak of a step holds no second ring, and hence no step copies one."""
    config = replace(CONFIG, context=20_000)
    model = MoshiLm(config)
    model.load_weights(list(stacked(random_weights(mlx_shapes(config)), config).items()))
    generator = Generator(model, GREEDY, mx.float32, compiled=compiled)
    ring_bytes = 2 * config.context * config.dim * 4
    codes = mx.zeros((1, config.heard, 1), mx.int32)
    mx.eval(generator.start().text, *generator.state_arrays())
    for t in range(10):
        if t == 3:
            mx.reset_peak_memory()
            before = mx.get_active_memory()
        step = generator.step(codes)
        mx.eval(step.text, step.raw, *generator.state_arrays())
    assert mx.get_peak_memory() - before < ring_bytes / 2


@needs_compiler
def test_compiled_steps_work_in_bfloat16(model: MoshiLm) -> None:
    narrow = MoshiLm(CONFIG)
    narrow.update(model.parameters())
    narrow.set_dtype(mx.bfloat16)
    logits = []
    for compiled in (False, True):
        generator = Generator(narrow, GREEDY, mx.bfloat16, compiled=compiled)
        first = generator.start()
        assert {ring.dtype for ring in generator.state_arrays()} == {mx.bfloat16}
        logits.append(np.array(first.logits))
    assert np.abs(logits[0] - logits[1]).max() < 0.1 * np.abs(logits[0]).max()
