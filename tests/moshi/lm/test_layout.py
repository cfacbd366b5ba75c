import math

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from moshi_speaker.moshi.config import MOSHI_7B, LmConfig
from moshi_speaker.moshi.lm.layout import Q4, Q8, Quantization, mlx_shapes, torch_shapes
from moshi_speaker.moshi.lm.stacking import stacked
from moshi_speaker.moshi.lm.temporal import MoshiLm
from tests.moshi.lm.small import KINDS


def count(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


def module_shapes(config: LmConfig, quantization: Quantization | None = None) -> dict[str, tuple[int, ...]]:
    model = MoshiLm(config)
    if quantization:
        nn.quantize(model, group_size=quantization.group_size, bits=quantization.bits)
    leaves = tree_flatten(model.parameters())
    assert isinstance(leaves, list)
    return {name: tuple(array.shape) for name, array in leaves}


def as_loaded(shapes: dict[str, tuple[int, ...]], config: LmConfig) -> dict[str, tuple[int, ...]]:
    """What becomes of published tensors in our model; none is computed."""
    held = stacked({name: mx.zeros(shape) for name, shape in shapes.items()}, config)
    return {name: tuple(array.shape) for name, array in held.items()}


def test_moshi_7b_has_the_published_number_of_tensors_and_parameters() -> None:
    assert len(mlx_shapes(MOSHI_7B)) == 523
    assert len(mlx_shapes(MOSHI_7B, Q8)) == len(mlx_shapes(MOSHI_7B, Q4)) == 1247
    assert len(torch_shapes(MOSHI_7B)) == 355
    assert count(mlx_shapes(MOSHI_7B)) == 7_687_815_168


@pytest.mark.parametrize(("quantization", "gigabytes"), [(None, 15.376), (Q8, 8.169), (Q4, 4.805)])
def test_moshi_7b_has_the_published_size(quantization: Quantization | None, gigabytes: float) -> None:
    plain = mlx_shapes(MOSHI_7B)
    shapes = mlx_shapes(MOSHI_7B, quantization)
    packed = {name for name in shapes if name in plain and shapes[name] != plain[name]}
    size = sum(math.prod(shape) * (4 if name in packed else 2) for name, shape in shapes.items())
    assert size / 1e9 == pytest.approx(gigabytes, abs=5e-4)


@pytest.mark.parametrize("quantization", [None, Q8, Q4])
def test_the_list_of_moshi_7b_is_that_of_the_module_and_nothing_is_allocated(
    quantization: Quantization | None,
) -> None:
    before = mx.get_active_memory()
    published = mlx_shapes(MOSHI_7B, quantization)
    assert module_shapes(MOSHI_7B, quantization) == as_loaded(published, MOSHI_7B)
    assert mx.get_active_memory() - before < 100e6


@pytest.mark.parametrize("quantization", [None, Quantization(4, 32)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_list_of_every_kind_is_that_of_the_module(kind: str, quantization: Quantization | None) -> None:
    config = KINDS[kind]
    assert module_shapes(config, quantization) == as_loaded(mlx_shapes(config, quantization), config)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("text_emb.weight", (32001, 4096)),
        ("audio_embs.15.weight", (2049, 4096)),
        ("text_linear.weight", (32000, 4096)),
        ("transformer.layers.31.self_attn.in_proj.weight", (12288, 4096)),
        ("transformer.layers.31.gating.linear_in.weight", (22528, 4096)),
        ("transformer.layers.31.gating.linear_out.weight", (4096, 11264)),
        ("depformer.slices.0.emb.weight", (32001, 1024)),
        ("depformer.slices.7.emb.weight", (2049, 1024)),
        ("depformer.slices.7.linear_out.weight", (2048, 1024)),
        ("depformer.slices.7.transformer.layers.5.gating.linear_in.weight", (5632, 1024)),
    ],
)
def test_mlx_names_are_the_published_ones(name: str, shape: tuple[int, ...]) -> None:
    assert mlx_shapes(MOSHI_7B)[name] == shape


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("emb.15.weight", (2049, 4096)),
        ("out_norm.alpha", (1, 1, 4096)),
        ("transformer.layers.31.self_attn.in_proj_weight", (12288, 4096)),
        ("transformer.layers.31.norm2.alpha", (1, 1, 4096)),
        ("depformer_in.7.weight", (1024, 4096)),
        ("depformer_text_emb.weight", (32001, 1024)),
        ("depformer_emb.6.weight", (2049, 1024)),
        ("linears.7.weight", (2048, 1024)),
        ("depformer.layers.5.self_attn.in_proj_weight", (24576, 1024)),
        ("depformer.layers.5.self_attn.out_proj.weight", (8192, 1024)),
        ("depformer.layers.5.gating.7.linear_out.weight", (1024, 2816)),
    ],
)
def test_pytorch_names_are_the_published_ones(name: str, shape: tuple[int, ...]) -> None:
    assert torch_shapes(MOSHI_7B)[name] == shape


def test_quantized_shapes_are_the_published_ones() -> None:
    q4, q8 = mlx_shapes(MOSHI_7B, Q4), mlx_shapes(MOSHI_7B, Q8)
    assert (q4["text_emb.weight"], q4["text_emb.scales"]) == ((32001, 512), (32001, 128))
    assert (q8["text_emb.weight"], q8["text_emb.biases"]) == ((32001, 1024), (32001, 64))
    assert q4["out_norm.weight"] == (4096,)
