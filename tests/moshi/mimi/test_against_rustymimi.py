"""Mimi of the published size with random weights against another implementation, frame by frame."""

import wave
from collections.abc import Iterator
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlx.core as mx
import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save_file

from moshi_speaker.moshi.mimi.codec import Mimi
from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.mimi.layout import published_shapes

rustymimi = pytest.importorskip("rustymimi", reason="rustymimi has no wheels for this Python")

FRAMES = 50
CLIP = Path(__file__).parents[2] / "data" / "clips" / "hey_jarvis_question.wav"

Floats = npt.NDArray[np.float32]


def _random_tensor(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    # Scales that keep the sound alive through all layers and make many different codes win.
    kind = name.rsplit(".", 1)[-1]
    if kind == "cluster_usage":
        return rng.uniform(0.5, 2.0, shape).astype(np.float32)
    noise = rng.standard_normal(shape, dtype=np.float32)
    if kind == "embedding_sum":
        return noise * np.float32(0.3)
    if kind == "scale":
        return np.abs(noise) * np.float32(0.1)
    if kind in ("bias", "_initialized"):
        return noise * np.float32(0.02)
    if ".norm" in name:
        return 1 + noise * np.float32(0.1)
    fan_in = shape[0] if ".convtr." in name else prod(shape[1:])
    return noise * np.float32(1.2 / fan_in**0.5)


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Mimi, Any]]:
    """Ours and theirs, with the same weights."""
    rng = np.random.default_rng(1)
    weights = {name: _random_tensor(name, s, rng) for name, s in published_shapes(MimiConfig()).items()}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mimi.safetensors"
        save_file(weights, path)
        theirs = rustymimi.Tokenizer(str(path), num_codebooks=8)
    ours = Mimi(MimiConfig(), 8)
    published = {name: mx.array(value) for name, value in weights.items()}
    ours.load_weights(list(ours.sanitize(published).items()))
    mx.eval(dict(ours))
    yield ours, theirs


@pytest.fixture(scope="module")
def speech() -> Floats:
    """The first 4 s of a clip, (frames, 1920)."""
    with wave.open(str(CLIP)) as clip:
        assert (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) == (24_000, 1, 2)
        samples = np.frombuffer(clip.readframes(FRAMES * 1920), "<i2")
    pcm: Floats = samples.reshape(FRAMES, 1920).astype(np.float32)
    return pcm / np.float32(32768)


def test_a_stream_of_speech_gets_the_same_codes_and_sounds_the_same(
    pair: tuple[Mimi, Any], speech: Floats
) -> None:
    ours, theirs = pair
    encoder, decoder = ours.make_encoder_state(), ours.make_decoder_state()
    found, expected, worst = [], [], 0.0
    for frame in speech:
        codes = theirs.encode_step(frame[None, None])
        found.append(np.array(ours.encode(mx.array(frame[None]), encoder)))
        expected.append(codes)
        sound = np.array(ours.decode(mx.array(codes.astype(np.int32)), decoder))
        worst = max(worst, float(np.abs(sound - theirs.decode_step(codes)[:, 0]).max()))
    ours_all, theirs_all = np.concatenate(found, axis=2), np.concatenate(expected, axis=2)
    assert theirs_all.shape == (1, 8, FRAMES)
    assert min(len(np.unique(row)) for row in theirs_all[0]) > 10
    assert np.array_equal(ours_all, theirs_all)
    assert worst < 1e-3
