import re
from pathlib import Path

import mlx.core as mx
import pytest

from moshi_speaker.errors import CheckpointError, UnsupportedModelError
from moshi_speaker.moshi.config import LmConfig
from moshi_speaker.moshi.lm import checkpoint
from moshi_speaker.moshi.lm.checkpoint import check_lm, load_lm
from moshi_speaker.moshi.lm.layout import Q4, Q8, Quantization, mlx_shapes, torch_shapes
from tests.moshi.lm.small import KINDS, MOSHI_LIKE, SHARED_AND_LOW_RANK, greedy_tokens, random_weights

Weights = dict[str, mx.array]


def save(folder: Path, weights: Weights) -> Path:
    path = folder / "model.safetensors"
    mx.save_safetensors(str(path), weights)
    return path


def expanded(torch: Weights, config: LmConfig) -> Weights:
    """The same model under MLX names, tensor by tensor after moshi-spec §2.7."""
    depth, dim = config.depth, config.depth.dim
    mlx: Weights = {}
    for name in mlx_shapes(config):
        if slice_of := re.match(r"depformer\.slices\.(\d+)\.(.*)", name):
            k, rest = int(slice_of[1]), slice_of[2]
            s = depth.schedule[k]
            layer = rest.replace("transformer.", "depformer.")
            if rest.startswith("emb"):
                table = "depformer_text_emb" if k == 0 else f"depformer_emb.{k - 1}"
                mlx[name] = torch[rest.replace("emb", table, 1)]
            elif rest == "linear_in.weight":
                mlx[name] = torch[f"depformer_in.{s}.weight"]
            elif rest == "linear_out.weight":
                mlx[name] = torch[f"linears.{k}.weight"]
            elif "norm" in rest:
                mlx[name] = torch[layer.replace("weight", "alpha")][0, 0]
            elif "in_proj" in rest:
                mlx[name] = torch[layer.replace("j.w", "j_w")][s * 3 * dim : (s + 1) * 3 * dim]
            elif "out_proj" in rest:
                mlx[name] = torch[layer][s * dim : (s + 1) * dim]
            else:
                mlx[name] = torch[layer.replace("gating", f"gating.{s}")]
        elif "norm" in name:
            mlx[name] = torch[name.replace("weight", "alpha")][0, 0]
        else:
            mlx[name] = torch[name.replace("audio_embs", "emb").replace("in_proj.weight", "in_proj_weight")]
    return mlx


def quantized(weights: Weights, config: LmConfig, quantization: Quantization) -> tuple[Weights, Weights]:
    """The tensors of a quantized file, and what they stand for."""
    packed: Weights = {}
    plain = dict(weights)
    for name in mlx_shapes(config, quantization):
        if name.endswith("scales"):
            stem = name.removesuffix("scales")
            parts = mx.quantize(
                weights[f"{stem}weight"].astype(mx.bfloat16), quantization.group_size, quantization.bits
            )
            packed |= dict(zip((f"{stem}weight", f"{stem}scales", f"{stem}biases"), parts, strict=True))
            # Tables are looked up in the type of their scales, products are computed in float32.
            dtype = mx.bfloat16 if stem.endswith("emb.") or "audio_embs" in stem else mx.float32
            exact = (parts[0], parts[1].astype(dtype), parts[2].astype(dtype))
            looked_up = mx.dequantize(*exact, quantization.group_size, quantization.bits)
            plain[f"{stem}weight"] = looked_up.astype(mx.float32)
        elif name not in packed and name.endswith("weight"):
            packed[name] = weights[name].astype(mx.bfloat16)
            plain[name] = packed[name].astype(mx.float32)
    return packed, plain


@pytest.mark.parametrize("kind", KINDS)
def test_pytorch_and_mlx_names_of_the_same_weights_give_the_same_tokens(kind: str, tmp_path: Path) -> None:
    config = KINDS[kind]
    torch = random_weights(torch_shapes(config))
    from_torch = greedy_tokens(save(tmp_path, torch), config)
    from_mlx = greedy_tokens(save(tmp_path, expanded(torch, config)), config)
    assert from_torch == from_mlx
    assert len({tuple(step) for step in from_mlx}) > 3


@pytest.mark.parametrize(("quantization", "name"), [(Q8, "q8"), (Q4, "q4")])
@pytest.mark.parametrize("kind", ["moshi", "shared"])
def test_a_quantized_file_generates_as_the_weights_it_stands_for(
    kind: str, quantization: Quantization, name: str, tmp_path: Path
) -> None:
    config = KINDS[kind]
    packed, plain = quantized(random_weights(mlx_shapes(config)), config, quantization)
    path = save(tmp_path, packed)
    assert check_lm(path, config).precision == name
    tokens = greedy_tokens(path, config)
    assert tokens == greedy_tokens(save(tmp_path, plain), config)


@pytest.mark.parametrize("quantization", [Q8, Q4])
@pytest.mark.parametrize("kind", ["moshi", "shared"])
def test_an_unpacked_model_generates_as_the_quantized_file_does(
    kind: str, quantization: Quantization, tmp_path: Path
) -> None:
    config = KINDS[kind]
    packed, _ = quantized(random_weights(mlx_shapes(config)), config, quantization)
    path = save(tmp_path, packed)
    model = load_lm(path, config, mx.float32, dequantize=True)
    assert model.text_linear.weight.dtype == mx.float32
    assert "scales" not in model.text_linear and "scales" not in model.embs
    assert greedy_tokens(path, config, dequantize=True) == greedy_tokens(path, config)


@pytest.mark.parametrize(("on_cpu", "depth"), [(True, mx.float32), (False, mx.bfloat16)])
def test_plain_weights_of_the_depth_transformer_are_widened_on_a_cpu_alone(
    on_cpu: bool, depth: mx.Dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = random_weights(mlx_shapes(MOSHI_LIKE))
    path = save(tmp_path, {name: array.astype(mx.bfloat16) for name, array in weights.items()})
    monkeypatch.setattr(checkpoint, "on_cpu", lambda: on_cpu)
    model = load_lm(path, MOSHI_LIKE, mx.bfloat16)
    piece = model.depformer.slices[1]
    assert piece.transformer.layers[0].norm1.weight.dtype == depth
    assert piece.linear_out.weight.dtype == model.depformer.linear_in.weight.dtype == depth
    assert piece.emb.weight.dtype == model.text_linear.weight.dtype == mx.bfloat16


def test_plain_weights_are_cast_and_quantized_ones_are_kept(tmp_path: Path) -> None:
    weights = random_weights(mlx_shapes(MOSHI_LIKE))
    halves = {name: array.astype(mx.bfloat16) for name, array in weights.items()}
    path = save(tmp_path, halves)
    assert check_lm(path, MOSHI_LIKE).precision == "bf16"
    model = load_lm(path, MOSHI_LIKE, mx.float32)
    assert model.text_linear.weight.dtype == model.out_norm.weight.dtype == mx.float32
    packed, _ = quantized(weights, MOSHI_LIKE, Q8)
    model = load_lm(save(tmp_path, packed), MOSHI_LIKE, mx.float32)
    assert model.text_linear.weight.dtype == mx.uint32
    assert model.out_norm.weight.dtype == mx.float32


@pytest.mark.parametrize("kind", [mx.float16, mx.float32, mx.bfloat16])
def test_the_type_of_the_scales_does_not_decide_that_of_the_activations(
    kind: mx.Dtype, tmp_path: Path
) -> None:
    packed, _ = quantized(random_weights(mlx_shapes(MOSHI_LIKE)), MOSHI_LIKE, Q8)
    scaled = {n: a if a.dtype == mx.uint32 else a.astype(kind) for n, a in packed.items()}
    model = load_lm(save(tmp_path, scaled), MOSHI_LIKE, mx.bfloat16)
    tokens = mx.zeros((1 + MOSHI_LIKE.num_codebooks,), mx.int32)
    rings = model.make_rings(mx.bfloat16)
    hidden, _, rings = model.hear(tokens, mx.array([0]), rings, seen=1, partial=False)
    assert {hidden.dtype, *(ring.dtype for ring in rings)} == {mx.bfloat16}


def test_the_name_of_the_file_does_not_matter(tmp_path: Path) -> None:
    path = save(tmp_path, random_weights(mlx_shapes(MOSHI_LIKE))).rename(tmp_path / "weights.bin")
    assert load_lm(path, MOSHI_LIKE, mx.float32).config == MOSHI_LIKE


def test_a_missing_tensor_is_named_with_its_shape(tmp_path: Path) -> None:
    weights = random_weights(mlx_shapes(MOSHI_LIKE))
    del weights["transformer.layers.1.gating.linear_in.weight"]
    with pytest.raises(
        CheckpointError,
        match=r"tensor transformer\.layers\.1\.gating\.linear_in\.weight \(256, 64\) is missing",
    ):
        load_lm(save(tmp_path, weights), MOSHI_LIKE, mx.float32)


def test_an_unexpected_tensor_is_named_with_its_shape(tmp_path: Path) -> None:
    weights = random_weights(mlx_shapes(MOSHI_LIKE)) | {"extra_heads.0.weight": mx.zeros((6, 64))}
    with pytest.raises(CheckpointError, match=r"tensor extra_heads\.0\.weight \(6, 64\) is unexpected"):
        load_lm(save(tmp_path, weights), MOSHI_LIKE, mx.float32)


def test_a_misshapen_tensor_is_named_with_both_shapes(tmp_path: Path) -> None:
    weights = random_weights(mlx_shapes(MOSHI_LIKE)) | {"text_emb.weight": mx.zeros((52, 64))}
    with pytest.raises(
        CheckpointError, match=r"tensor text_emb\.weight has shape \(52, 64\), expected \(51, 64\)"
    ):
        load_lm(save(tmp_path, weights), MOSHI_LIKE, mx.float32)


def test_a_pytorch_file_is_checked_as_strictly(tmp_path: Path) -> None:
    weights = random_weights(torch_shapes(SHARED_AND_LOW_RANK))
    del weights["depformer_emb.1.low_rank.weight"]
    with pytest.raises(
        CheckpointError, match=r"tensor depformer_emb\.1\.low_rank\.weight \(64, 64\) is missing"
    ):
        load_lm(save(tmp_path, weights), SHARED_AND_LOW_RANK, mx.float32)


@pytest.mark.parametrize(
    ("name", "dtype", "message"),
    [
        ("text_emb.weight", mx.int32, "text_emb.weight has type I32, expected BF16 or F16 or F32"),
        ("out_norm.weight", mx.uint32, "out_norm.weight has type U32, expected BF16 or F16 or F32"),
    ],
)
def test_a_tensor_of_a_wrong_type_is_named(name: str, dtype: mx.Dtype, message: str, tmp_path: Path) -> None:
    weights = random_weights(mlx_shapes(MOSHI_LIKE))
    weights[name] = weights[name].astype(dtype)
    with pytest.raises(CheckpointError, match=message):
        load_lm(save(tmp_path, weights), MOSHI_LIKE, mx.float32)


def test_floats_where_packed_integers_belong_are_refused(tmp_path: Path) -> None:
    packed, _ = quantized(random_weights(mlx_shapes(MOSHI_LIKE)), MOSHI_LIKE, Q8)
    packed["text_linear.weight"] = packed["text_linear.weight"].astype(mx.float32)
    with pytest.raises(CheckpointError, match=r"text_linear\.weight has type F32, expected U32"):
        load_lm(save(tmp_path, packed), MOSHI_LIKE, mx.float32)


def test_int8_of_bitsandbytes_is_not_supported(tmp_path: Path) -> None:
    weights = random_weights(torch_shapes(MOSHI_LIKE))
    weights["text_linear.weight"] = weights["text_linear.weight"].astype(mx.int8)
    weights["text_linear.weight_scb"] = mx.zeros((50,))
    with pytest.raises(
        UnsupportedModelError, match="bitsandbytes are not supported; use an -mlx- checkpoint"
    ):
        load_lm(save(tmp_path, weights), MOSHI_LIKE, mx.float32)


def test_a_quantization_of_another_kind_is_not_supported(tmp_path: Path) -> None:
    packed, _ = quantized(random_weights(mlx_shapes(MOSHI_LIKE)), MOSHI_LIKE, Quantization(2, 32))
    with pytest.raises(UnsupportedModelError, match="quantized to 2 bits in groups of 32"):
        load_lm(save(tmp_path, packed), MOSHI_LIKE, mx.float32)


def test_scales_that_do_not_fit_their_matrix_are_refused(tmp_path: Path) -> None:
    packed, _ = quantized(random_weights(mlx_shapes(MOSHI_LIKE)), MOSHI_LIKE, Q8)
    packed["text_emb.scales"] = mx.zeros((51,), mx.bfloat16)
    with pytest.raises(CheckpointError, match=r"text_emb\.scales does not fit"):
        load_lm(save(tmp_path, packed), MOSHI_LIKE, mx.float32)
