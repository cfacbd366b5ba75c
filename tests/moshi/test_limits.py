"""Bytes and arithmetic a frame, against figures that were counted otherwise."""

from math import prod

import pytest

from moshi_speaker.moshi.config import MOSHI_7B, LmConfig
from moshi_speaker.moshi.limits import (
    bytes_of_model,
    bytes_of_window,
    bytes_per_step,
    codec_cost,
    lm_cost,
)
from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.mimi.layout import published_shapes
from tests.bench.presets import STT_1B, STT_2_6B

GB = 1e9


@pytest.mark.parametrize(("bits", "gigabytes"), [(16, 14.75), (8, 7.84), (4, 4.61)])
def test_a_step_reads_what_the_specification_says(bits: int, gigabytes: float) -> None:
    assert bytes_per_step(MOSHI_7B, bits) / GB == pytest.approx(gigabytes, abs=5e-3)


@pytest.mark.parametrize(
    ("config", "bits", "gigabytes"),
    [
        (MOSHI_7B, 16, 15.376),
        (MOSHI_7B, 8, 8.169),
        (MOSHI_7B, 4, 4.805),
        (STT_1B, 16, 1.979),
        (STT_1B, 8, 1.051),
        (STT_1B, 4, 0.618),
        (STT_2_6B, 16, 5.234),
        (STT_2_6B, 8, 2.781),
        (STT_2_6B, 4, 1.636),
    ],
)
def test_models_are_as_large_as_their_published_files(config: LmConfig, bits: int, gigabytes: float) -> None:
    assert bytes_of_model(config, bits) / GB == pytest.approx(gigabytes, abs=6e-4)


def test_the_window_of_moshi_takes_half_a_mebibyte_a_step() -> None:
    assert bytes_of_window(MOSHI_7B) == 3000 * 512 * 1024
    assert bytes_of_window(MOSHI_7B, activation_bytes=4) == 2 * bytes_of_window(MOSHI_7B)
    assert bytes_of_window(STT_1B) == 750 * 128 * 1024


def test_arithmetic_is_two_operations_a_weight_and_the_attention() -> None:
    cost = lm_cost(MOSHI_7B, 8)
    # 7.375 billion weights a step (moshi-spec §2.1), and 2 products with 3000 keys of 4096 channels a layer.
    assert cost.flop == pytest.approx(2 * (7.375e9 + 2 * 32 * 3000 * 4096), rel=1e-3)
    assert cost.bytes == bytes_per_step(MOSHI_7B, 8) + bytes_of_window(MOSHI_7B)


def test_other_precisions_than_the_published_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="3 bits"):
        bytes_per_step(MOSHI_7B, 3)


def test_the_codec_reads_its_file_without_the_codebooks_that_are_not_used() -> None:
    everything = codec_cost(MimiConfig(), 32)
    some = codec_cost(MimiConfig(), 8)
    usage = 32 * (2048 + 1)
    file_values = sum(prod(shape) for shape in published_shapes(MimiConfig()).values())
    assert everything.weight_bytes == 4 * (file_values - usage)
    assert everything.weight_bytes - some.weight_bytes == 24 * 2048 * 256 * 4


def test_the_arithmetic_of_the_codec_is_that_of_its_layers() -> None:
    ratios, widths, columns = (4, 5, 6, 8), (64, 128, 256, 512), (1920, 480, 96, 16)
    count = 1920 * 7 * 64 + 2 * 3 * 1024 * 512  # the encoder's first and last convolution
    count += 2 * 7 * 512 * 1024 + 1920 * 3 * 64  # the decoder's
    for ratio, width, length in zip(ratios, widths, columns, strict=True):
        block = length * (3 * width * width // 2 + width * width // 2)
        between = length // ratio * 2 * ratio * width * 2 * width
        count += 2 * (block + between)
    count += 2 * 8 * 2 * (4 * 512 * 512 + 2 * 512 * 2048)  # 8 layers and 2 columns on each side
    count += 2 * 8 * 2 * 2 * 250 * 512  # attention
    count += 4 * 512 * 512 + 4 * 512  # down and up between 25 and 12.5 columns a second
    count += 2 * 2 * 512 * 256 + 8 * 2048 * 256  # quantizer
    assert codec_cost(MimiConfig(), 8).flop == 2 * count
