import json
from pathlib import Path
from typing import Any

import pytest

from moshi_speaker.errors import CheckpointError, UnsupportedModelError
from moshi_speaker.moshi.config import MOSHI_7B, LmConfig, model_config
from moshi_speaker.moshi.synthetic import SMALL_LM, config_json

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


def seven_b(**changes: object) -> dict[str, Any]:
    return config_json(MOSHI_7B) | changes


def one_b(**changes: object) -> dict[str, Any]:
    """As Kyutai's 1B models write it (moshi-spec §2.1, §2.2)."""
    values = seven_b(
        dim=2048,
        num_heads=16,
        num_layers=16,
        hidden_scale=4.125,
        max_period=100_000,
        text_card=48_000,
        delays=[0, *[0, *[2] * 7] * 2],
        depformer_dim_feedforward=4224,
        lm_gen_config={"temp": 0.8},
        mimi_name="mimi-pytorch-e351c8d8@125.safetensors",
    )
    return values | changes


@pytest.mark.parametrize("config", [MOSHI_7B, SMALL_LM])
def test_a_configuration_that_we_write_is_read_back(config: LmConfig) -> None:
    assert model_config(json.loads(json.dumps(config_json(config))), "config.json").lm == config


def test_a_1b_model_is_read() -> None:
    config = model_config(one_b(), "config.json")
    lm = config.lm
    assert (lm.dim, lm.num_heads, lm.num_layers, lm.hidden) == (2048, 16, 16, 5632)
    assert (lm.context, lm.max_period, lm.text_card) == (3000, 100_000.0, 48_000)
    assert (lm.generated, lm.heard, lm.max_delay, lm.codebooks) == (8, 8, 2, 8)
    assert lm.depth.hidden == 2816
    assert config.mimi_name == "mimi-pytorch-e351c8d8@125.safetensors"
    assert config.moshi_name is None


def test_a_model_with_a_schedule_and_low_rank_embeddings_is_read() -> None:
    values = one_b(
        n_q=32,
        dep_q=32,
        delays=[0, 0, *[2] * 31],
        depformer_weights_per_step_schedule=[*range(8), *[8] * 8, *[9] * 8, *[10] * 8],
        depformer_low_rank_embeddings=128,
        depformer_dim_feedforward=3072,
    )
    lm = model_config(values, "config.json").lm
    assert (lm.depth.num_sets, lm.depth.low_rank, lm.depth.hidden) == (11, 128, 2048)
    assert (lm.generated, lm.heard, lm.codebooks) == (32, 0, 32)


def test_the_width_of_the_gate_has_one_exception() -> None:
    config = model_config(seven_b(hidden_scale=4.0), "config.json").lm
    assert config.hidden == 21 * 4096 // 8


def test_a_feedforward_width_of_null_follows_the_scale() -> None:
    assert model_config(one_b(depformer_dim_feedforward=None), "config.json").lm.depth.hidden == 2816


def test_a_model_that_only_listens_is_read() -> None:
    path = GOLDEN / "stt.json"
    lm = model_config(json.loads(path.read_text()), str(path)).lm
    assert (lm.generated, lm.max_delay) == (0, 0)
    assert lm.heard == lm.codebooks == lm.num_codebooks
    assert lm.extra_heads > 0


@pytest.mark.parametrize(
    "key", ["dim", "num_heads", "num_layers", "context", "max_period", "text_card", "card", "n_q", "dep_q"]
)
def test_a_missing_key_is_named(key: str) -> None:
    values = seven_b()
    del values[key]
    with pytest.raises(CheckpointError, match=f"^here/config.json: the key '{key}' is missing$"):
        model_config(values, "here/config.json")


@pytest.mark.parametrize(
    ("changes", "feature"),
    [
        ({"conditioners": {"description": {"type": "lut"}}}, "conditioners"),
        ({"cross_attention": True}, "cross-attention"),
        ({"demux_second_stream": True}, "a second text stream"),
        ({"lora": True}, "LoRA weights"),
    ],
)
def test_a_feature_that_is_not_there_yet_is_named(changes: dict[str, object], feature: str) -> None:
    with pytest.raises(
        UnsupportedModelError, match=f"^config.json: this model needs {feature}, which is not supported yet$"
    ):
        model_config(seven_b(**changes), "config.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"positional_embedding": "rope_concat"},
        {"norm": "layer_norm"},
        {"kv_repeat": 4},
        {"gating": "gelu"},
        {"text_card_out": 100},
        {"depformer_kv_repeat": 2},
        {"depformer_weights_per_step": False},
        {"depformer_multi_linear": False},
    ],
)
def test_another_kind_of_layer_is_not_supported(changes: dict[str, object]) -> None:
    (key,) = changes
    with pytest.raises(UnsupportedModelError, match=f"^config.json: {key} .* is not supported yet$"):
        model_config(seven_b(**changes), "config.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dim": "wide"}, "a value does not fit"),
        ({"dim": float("inf")}, "a value does not fit"),
        ({"delays": None}, "a value does not fit"),
        ({"delays": [0] * 16}, "delays has 16 entries, text and 16 streams need one each"),
        ({"delays": [1, *[0] * 16]}, "a delayed text stream"),
        ({"delays": [0, -1, *[0] * 15]}, "a size or a delay is not positive"),
        ({"dep_q": 20, "depformer_weights_per_step_schedule": None}, "dep_q 20 is larger than n_q 16"),
        ({"depformer_weights_per_step_schedule": [0, 1]}, "is shorter than dep_q 8"),
        ({"depformer_weights_per_step_schedule": [-1] * 8}, "a size or a delay is not positive"),
        ({"num_heads": 0}, "4096 channels do not divide into 0 heads"),
        ({"num_heads": 3}, "4096 channels do not divide into 3 heads"),
        ({"context": 0}, "a size or a delay is not positive"),
        ({"max_period": 0}, "a size or a delay is not positive"),
        ({"dim": 4096.5}, "4096.5 is not a whole number"),
        ({"depformer_num_layers": -1}, "a size or a delay is not positive"),
        ({"moshi_name": "../model.safetensors"}, "moshi_name '../model.safetensors' is no file name"),
        ({"mimi_name": 7}, "mimi_name 7 is no file name"),
        ({"tokenizer_name": "/etc/passwd"}, "tokenizer_name '/etc/passwd' is no file name"),
    ],
)
def test_a_value_that_makes_no_sense_is_told(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        model_config(seven_b(**changes), "config.json")
    assert str(caught.value).startswith("config.json: ")
    assert not isinstance(caught.value, UnsupportedModelError)
