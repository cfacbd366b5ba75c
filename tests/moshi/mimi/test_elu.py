"""ELU against its definition in float64."""

import mlx.core as mx
import numpy as np

from moshi_speaker.moshi.mimi.elu import elu


def test_elu_is_the_exponential_below_zero_and_the_value_above() -> None:
    x = mx.array([-100.0, -1.0, -1e-6, 0.0, 2.5])
    expected = mx.array([-1.0, -0.63212055883, -1e-6, 0.0, 2.5])
    assert mx.allclose(elu(x), expected, rtol=1e-6, atol=0).item()


def test_elu_is_right_everywhere_within_two_units_of_the_last_place_of_one() -> None:
    x = np.concatenate([np.linspace(-200, 5, 200_001), -np.geomspace(1e-30, 1, 10_000), [-3e38, 3e38]])
    x = x.astype(np.float32)
    exact = np.where(x > 0, x, np.expm1(np.minimum(x, 0).astype(np.float64)))
    assert np.abs(np.array(elu(mx.array(x)), np.float64) - exact).max() < 2.4e-7


def test_elu_passes_on_what_is_not_finite() -> None:
    found = np.array(elu(mx.array([float("inf"), float("-inf"), float("nan")])))
    assert found[0] == np.inf
    assert found[1] == -1.0
    assert np.isnan(found[2])
