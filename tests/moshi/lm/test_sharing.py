from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import pytest

from moshi_speaker.moshi.blas import BlasReport
from moshi_speaker.moshi.lm import checkpoint, sharing
from moshi_speaker.moshi.lm.checkpoint import load_lm
from moshi_speaker.moshi.lm.layout import Q4, Q8, Quantization
from moshi_speaker.moshi.lm.sharing import SharedLinear, share_out
from moshi_speaker.moshi.synthetic import SMALL_LM, Recipe, lm_name, write_checkpoint
from tests.moshi.lm.small import greedy_tokens

QUANTIZATIONS = pytest.mark.parametrize("quantization", [Q8, Q4], ids=["q8", "q4"])


def projections(quantization: Quantization) -> nn.Module:
    """A large one, with a number of rows that no number of threads divides, and a small one."""
    model = nn.Sequential(nn.Linear(1024, 2049, bias=False), nn.Linear(64, 64, bias=False))
    nn.quantize(model, group_size=quantization.group_size, bits=quantization.bits)
    mx.eval(model.parameters())
    return model


@QUANTIZATIONS
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_shares_make_the_whole_projection_number_by_number(quantization: Quantization, threads: int) -> None:
    model = projections(quantization)
    x = mx.random.normal((2, 1024), key=mx.random.key(1))
    whole = model.layers[0](x)
    share_out(model, threads)
    assert isinstance(model.layers[0], SharedLinear)
    assert mx.array_equal(model.layers[0](x), whole)


@QUANTIZATIONS
def test_projections_that_are_not_worth_it_stay_whole(quantization: Quantization) -> None:
    model = projections(quantization)
    model.layers.append(nn.Linear(1024, 2048, bias=False))
    share_out(model, 2)
    assert [type(layer) for layer in model.layers] == [SharedLinear, nn.QuantizedLinear, nn.Linear]


def test_shares_take_no_memory() -> None:
    model = projections(Q8)
    before = mx.get_active_memory()
    share_out(model, 2)
    assert mx.get_active_memory() - before < 10_000


def test_a_model_may_be_loaded_in_one_thread_and_used_in_another() -> None:
    x = mx.ones((1, 1024))
    mx.eval(x)
    with ThreadPoolExecutor(1) as loader, ThreadPoolExecutor(1) as user:
        model = loader.submit(projections, Q8).result()
        loader.submit(share_out, model, 3).result()
        assert user.submit(lambda: mx.isfinite(model.layers[0](x)).all().item()).result()


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A quantized model, of which every projection is worth several threads; the BLAS has three."""
    recipe = Recipe(quantization=Q8)
    write_checkpoint(tmp_path, recipe)
    monkeypatch.setattr(sharing, "LEAST_SHARE", 100)
    monkeypatch.setattr(checkpoint, "report", lambda: BlasReport("BLIS", threads=3))
    return tmp_path / lm_name(recipe)


def shared(model: nn.Module) -> int:
    return sum(isinstance(module, SharedLinear) for module in model.modules())


def test_packed_weights_use_the_threads_of_the_blas_and_say_the_same(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Four projections a layer and pass, their inputs, and the heads.
    assert shared(load_lm(packed, SMALL_LM, mx.float32)) == 4 * 3 + 8 * (4 * 2 + 1) + 1 + 1
    tokens = greedy_tokens(packed, SMALL_LM)
    monkeypatch.setattr(checkpoint, "report", lambda: BlasReport("MLX's own"))
    assert shared(load_lm(packed, SMALL_LM, mx.float32)) == 0
    assert greedy_tokens(packed, SMALL_LM) == tokens


def test_nothing_is_shared_out_when_unpacked_or_on_a_gpu(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shared(load_lm(packed, SMALL_LM, mx.float32, dequantize=True)) == 0
    monkeypatch.setattr(checkpoint, "on_cpu", lambda: False)
    assert shared(load_lm(packed, SMALL_LM, mx.bfloat16)) == 0
