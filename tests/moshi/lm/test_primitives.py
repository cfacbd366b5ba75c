"""Guards how much a step asks of the device, in primitives of MLX's graph (see tests/bench/primitives.py)."""

import mlx.core as mx
import pytest

from moshi_speaker.moshi.config import MOSHI_7B
from moshi_speaker.moshi.lm.layout import Q4, Q8, Quantization
from tests.bench.primitives import VIEWS, as_on_a_gpu, casts, operations, primitives, step_of_moshi

MOSHI_MLX_OPERATIONS = 4_376
"""Of ``moshi_mlx`` 0.3.0 for one 7B step at 8 bits in bfloat16, as it is published, on mlx 0.32.4."""
MOSHI_MLX_CASTS = 557


PUBLISHED = pytest.mark.parametrize("quantization", [None, Q8, Q4], ids=["bf16", "q8", "q4"])
"""The precisions of the published files."""


@pytest.mark.parametrize(
    ("quantization", "share"), [(None, 0.44), (Q8, 0.5), (Q4, 0.52)], ids=["bf16", "q8", "q4"]
)
def test_a_7b_step_takes_half_the_operations_and_a_quarter_of_the_casts_of_moshi_mlx(
    quantization: Quantization | None, share: float
) -> None:
    step = step_of_moshi(MOSHI_7B, mx.bfloat16, quantization)
    assert operations(step) <= share * MOSHI_MLX_OPERATIONS
    assert casts(step) <= 0.28 * MOSHI_MLX_CASTS
    # One projection of four a layer and pass, one of the inputs of all passes, and the heads.
    products = 4 * 32 + 8 * (4 * 6 + 1) + 1 + 1
    assert step["QuantizedMatmul"] == (products if quantization else 0)


@PUBLISHED
def test_a_step_as_a_gpu_gets_it_casts_nothing_but_tokens_tables_and_logits(
    quantization: Quantization | None,
) -> None:
    with as_on_a_gpu():
        step = step_of_moshi(MOSHI_7B, mx.bfloat16, quantization)
        compiled = step_of_moshi(MOSHI_7B, mx.bfloat16, quantization, compiled=True)
    norms = 2 * 32 + 1 + 2 * 6 * 8
    attentions = 32 + 7 * 6
    assert (step["Rsqrt"], step["Softmax"]) == (0, 0)
    assert step["Multiply"] >= norms and step["AddMM"] >= attentions
    assert casts(step) <= 25
    assert operations(step) <= 0.37 * MOSHI_MLX_OPERATIONS
    assert casts(compiled) <= 15


@PUBLISHED
def test_a_step_in_float32_casts_nothing_but_tokens_and_tables(quantization: Quantization | None) -> None:
    step = step_of_moshi(MOSHI_7B, mx.float32, quantization)
    assert casts(step) <= 20
    assert operations(step) <= 0.5 * MOSHI_MLX_OPERATIONS


def test_a_compiled_step_takes_fewer_still() -> None:
    plain = step_of_moshi(MOSHI_7B, mx.bfloat16, Q8)
    compiled = step_of_moshi(MOSHI_7B, mx.bfloat16, Q8, compiled=True)
    assert operations(compiled) < 0.75 * operations(plain)
    assert casts(compiled) < 0.6 * casts(plain)


def test_primitives_are_counted_back_to_what_was_computed() -> None:
    x = mx.ones((2, 3))
    mx.eval(x)
    counted = primitives(mx.exp(x.T + x.T).astype(mx.float16))
    assert (counted["Add"], counted["Exp"], casts(counted), operations(counted)) == (1, 1, 1, 3)
    assert counted["Transpose"] >= 1 and "Transpose" in VIEWS
