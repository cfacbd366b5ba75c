"""LayerNorm against its definition in float64."""

import mlx.core as mx
import numpy as np
import pytest

from moshi_speaker.moshi.mimi.norm import LAYER_NORM_EPS, Norm


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (3.0, 20.0), (1e-4, 0.0)])
def test_each_vector_is_centred_and_scaled_to_a_variance_of_one(scale: float, offset: float) -> None:
    x = scale * mx.random.normal((2, 3, 64), key=mx.random.key(0)) + offset
    exact = np.array(x, np.float64)
    exact -= exact.mean(-1, keepdims=True)
    exact /= np.sqrt((exact**2).mean(-1, keepdims=True) + LAYER_NORM_EPS)
    assert np.abs(np.array(Norm(64)(x)) - exact).max() < 1e-5


def test_a_vector_of_equal_values_becomes_zero() -> None:
    assert mx.abs(Norm(8)(mx.full((1, 1, 8), 0.5))).max().item() == 0.0
