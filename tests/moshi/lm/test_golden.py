"""Our language model against values computed by the PyTorch reference (tests/data/golden/README.md)."""

import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.moshi.config import model_config
from moshi_speaker.moshi.lm.checkpoint import load_lm
from moshi_speaker.moshi.lm.generate import Generator, Step
from moshi_speaker.moshi.lm.sampling import GREEDY

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
STEPS = 80


def golden(name: str) -> dict[str, NDArray[np.float32]]:
    arrays = mx.load(str(GOLDEN / f"{name}.io.safetensors"))
    assert isinstance(arrays, dict)
    return {key: np.array(array) for key, array in arrays.items()}


def run(name: str, file: str) -> list[Step]:
    config_path = GOLDEN / f"{name}.json"
    config = model_config(json.loads(config_path.read_text()), str(config_path)).lm
    generator = Generator(load_lm(GOLDEN / file, config, mx.float32), GREEDY, mx.float32)
    user_codes = mx.array(golden(name)["user_codes"])
    # The reference ignores the codes of its first call: its column n + 1 is our frame n.
    return [generator.start(), *(generator.step(user_codes[:, :, t : t + 1]) for t in range(1, STEPS))]


def text_of(steps: list[Step]) -> NDArray[np.int32]:
    return np.array([step.text.item() for step in steps], dtype=np.int32)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("moshi", "moshi.mlx.safetensors"),
        ("moshi", "moshi.torch.safetensors"),
        ("hibiki", "hibiki.mlx.safetensors"),
        ("stt", "stt.torch.safetensors"),
    ],
)
def test_every_sampled_token_and_logit_is_that_of_the_reference(name: str, file: str) -> None:
    expected = golden(name)
    steps = run(name, file)
    assert text_of(steps).tolist() == expected["sampled_text"].tolist()
    logits = np.concatenate([np.array(step.logits) for step in steps])
    assert np.abs(logits - expected["text_logits"]).max() < 1e-4
    if "sampled_audio" in expected:
        raw = np.array([[token.item() for token in step.raw] for step in steps])
        assert raw.tolist() == expected["sampled_audio"].tolist()
    if "extra_heads" in expected:
        extra = np.concatenate([np.array(step.extra) for step in steps])
        assert np.abs(extra - expected["extra_heads"]).max() < 1e-4


@pytest.mark.parametrize(("name", "delay"), [("moshi", 1), ("hibiki", 2)])
def test_complete_frames_are_aligned_as_in_the_reference(name: str, delay: int) -> None:
    expected = golden(name)["delayed_out"][0, 1:]
    for t, step in enumerate(run(name, f"{name}.mlx.safetensors")):
        if t < delay:
            assert step.codes is None
        else:
            assert step.codes is not None
            assert np.array(step.codes)[0, :, 0].tolist() == expected[:, t].tolist()
