"""Reading a codec's configuration."""

import pytest

from moshi_speaker.errors import CheckpointError, UnsupportedModelError
from moshi_speaker.moshi.mimi.config import MimiConfig


def test_nothing_given_is_the_published_codec() -> None:
    config = MimiConfig.from_dict({})
    assert config == MimiConfig()
    assert (config.frame_size, config.resample_stride) == (1920, 2)


def test_the_small_configuration_is_read(small_config: MimiConfig) -> None:
    assert small_config.seanet.dimension == 64
    assert small_config.seanet.ratios == (8, 6, 5, 4)
    assert small_config.quantizer.bins == 128
    assert small_config.transformer.context == 24


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"channels": 2}, "channels"),
        ({"seanet": {"norm": "weight_norm"}}, "seanet.norm"),
        ({"seanet": {"causal": False}}, "seanet.causal"),
        ({"transformer": {"gating": "silu"}}, "transformer.gating"),
        ({"transformer": {"d_model": 256}}, "transformer.d_model"),
        ({"quantizer": {"input_dimension": 256}}, "quantizer.input_dimension"),
        ({"frame_rate": 10}, "frame_rate"),
    ],
)
def test_another_kind_of_codec_is_refused_by_name(values: dict[str, object], named: str) -> None:
    with pytest.raises(UnsupportedModelError, match=rf"Mimi configuration: {named} is "):
        MimiConfig.from_dict(values)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"seanet": 3}, "seanet"),
        ({"seanet": {"n_filters": "many"}}, "seanet.n_filters"),
        ({"seanet": {"n_filters": True}}, "seanet.n_filters"),
        ({"seanet": {"ratios": 8}}, "seanet.ratios"),
        ({"quantizer": {"bins": 10.5}}, "quantizer.bins"),
        ({"quantizer": {"n_q": 0}}, "quantizer.n_q"),
        ({"sample_rate": None}, "sample_rate"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(values: dict[str, object], named: str) -> None:
    with pytest.raises(CheckpointError, match=rf"Mimi configuration: {named} is "):
        MimiConfig.from_dict(values)
