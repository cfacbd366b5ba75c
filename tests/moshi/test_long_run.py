"""Eight minutes of talk: longer than any window, any ring, and what other implementations survive."""

import gc
import statistics
import time
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from moshi_speaker.moshi.config import DepthConfig, LmConfig
from moshi_speaker.moshi.dialogue import Dialogue, activation_dtype
from moshi_speaker.moshi.hub import files_in
from moshi_speaker.moshi.lm.checkpoint import load_lm
from moshi_speaker.moshi.lm.sampling import GREEDY
from moshi_speaker.moshi.mimi.checkpoint import load_mimi
from moshi_speaker.moshi.mimi.config import CodecTransformerConfig, MimiConfig, QuantizerConfig, SeanetConfig
from moshi_speaker.moshi.synthetic import Recipe, write_checkpoint
from moshi_speaker.moshi.tokenizer import Tokenizer

LEAST_LM = LmConfig(
    dim=32,
    num_heads=1,
    num_layers=1,
    hidden=32,
    context=20,
    max_period=10_000.0,
    text_card=300,
    card=16,
    num_codebooks=4,
    delays=(0, 1) * 2,
    depth=DepthConfig(dim=32, num_heads=1, num_layers=1, hidden=32, schedule=(0, 1)),
)
LEAST_MIMI = MimiConfig(
    sample_rate=400,
    seanet=SeanetConfig(dimension=16, n_filters=2, ratios=(16,)),
    quantizer=QuantizerConfig(dimension=8, n_q=2, bins=16),
    transformer=CodecTransformerConfig(num_heads=1, num_layers=1, dim_feedforward=16, context=10),
)
"""Frames of 32 samples."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("least")
    write_checkpoint(folder, Recipe(lm=LEAST_LM, mimi=LEAST_MIMI, shaped=False))
    return folder


def dialogue_in(folder: Path) -> Dialogue:
    files, dtype = files_in(folder, "least"), activation_dtype()
    lm = load_lm(files.lm, files.config.lm, dtype)
    mimi = load_mimi(files.mimi, files.mimi_config, files.config.lm.codebooks)
    return Dialogue("least", lm, mimi, Tokenizer(files.tokenizer), GREEDY, dtype)


def talk(model: Dialogue, steps: int, seed: int = 0) -> None:
    for pcm in np.random.default_rng(seed).normal(0, 0.2, (steps, LEAST_MIMI.frame_size)).astype(np.float32):
        frame = model.step(pcm)
        assert frame.audio is not None and np.isfinite(frame.audio).all()


def objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def seconds_of_a_step(model: Dialogue) -> float:
    """Of this process alone; other work on the machine hardly counts."""
    start = time.process_time()
    talk(model, 20)
    return (time.process_time() - start) / 20


def test_six_thousand_steps_take_no_more_memory_and_no_more_time(folder: Path) -> None:
    old = dialogue_in(folder)
    talk(old, 1_000)
    alive, memory = objects(), mx.get_active_memory()  # in this order: garbage of other tests goes first
    talk(old, 4_000)
    young = dialogue_in(folder)
    talk(young, 1_000)
    # The last thousand steps of one talk take turns with the second thousand of another, so that both
    # have the same share of whatever else the machine does.
    times = [(seconds_of_a_step(old), seconds_of_a_step(young)) for _ in range(50)]
    ratio = statistics.median(late / early for late, early in times)
    assert ratio < 1.1
    del young
    assert abs(objects() - alive) < 200
    assert abs(mx.get_active_memory() - memory) < 20_000
