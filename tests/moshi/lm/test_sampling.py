import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.moshi.lm.sampling import GREEDY, Sampler, Sampling

DRAWS = 20_000
CHI_SQUARE_999 = {1: 10.8, 3: 16.3, 4: 18.5, 7: 24.3}
"""Exceeded once in a thousand, by degrees of freedom."""


def choose(sampler: Sampler, rows: mx.array, key: mx.array) -> mx.array:
    noise = mx.random.gumbel((rows.shape[0], sampler.candidates), key=key) * sampler.temperature
    return sampler(rows, noise)


def draw(
    logits: NDArray[np.float32], temperature: float, top_k: int, draws: int = DRAWS
) -> NDArray[np.int64]:
    """How often each token comes in many draws."""
    rows = mx.broadcast_to(mx.array(logits), (draws, logits.size))
    chosen = choose(Sampler(temperature, top_k, logits.size), rows, mx.random.key(0))
    assert chosen.dtype == mx.uint32
    return np.bincount(np.array(chosen), minlength=logits.size)


def chi_square(counts: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    expected = counts.sum() * probabilities
    return float(((counts - expected) ** 2 / expected).sum())


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    weights = np.exp(logits.astype(np.float64))
    return np.asarray(weights / weights.sum())


@pytest.mark.parametrize("temperature", [0.5, 0.8, 1.0, 2.0])
def test_tokens_come_as_often_as_the_temperature_says(temperature: float) -> None:
    logits = np.array([1.0, 0.5, 0.0, -0.5, 0.2], np.float32)
    counts = draw(logits, temperature, top_k=5)
    assert chi_square(counts, softmax(logits / np.float32(temperature))) < CHI_SQUARE_999[4]


def test_only_the_most_likely_tokens_come_and_keep_their_proportions() -> None:
    logits = np.array([0.1, 2.0, -1.0, 1.5, 0.0, 1.0, -3.0, 1.2], np.float32)
    counts = draw(logits, 1.0, top_k=4)
    best = np.array([1, 3, 5, 7])
    assert set(np.flatnonzero(counts)) == set(best)
    assert chi_square(counts[best], softmax(logits[best])) < CHI_SQUARE_999[3]


def test_a_large_vocabulary_of_equal_tokens_is_sampled_evenly() -> None:
    counts = draw(np.zeros(32_000, np.float32), 0.7, top_k=32_000, draws=1_000)
    # In bfloat16 a running sum over so many tokens stands still after a few.
    eighths = counts.reshape(8, -1).sum(axis=1)
    assert chi_square(eighths, np.full(8, 1 / 8)) < CHI_SQUARE_999[7]


def test_logits_that_differ_only_beyond_bfloat16_are_told_apart() -> None:
    logits = np.array([200.0, 200.4], np.float32)  # the same number in bfloat16
    assert chi_square(draw(logits, 1.0, top_k=2), softmax(logits)) < CHI_SQUARE_999[1]


@pytest.mark.parametrize(("temperature", "top_k"), [(0.0, 25), (0.8, 1)])
def test_temperature_zero_and_one_candidate_take_the_most_likely(temperature: float, top_k: int) -> None:
    counts = draw(np.array([0.0, 0.1, -1.0], np.float32), temperature, top_k)
    assert counts.tolist() == [0, DRAWS, 0]


def test_more_candidates_than_tokens_are_all_tokens() -> None:
    assert np.all(draw(np.zeros(4, np.float32), 1.0, top_k=250) > 0)


def test_the_same_key_draws_the_same_and_another_key_does_not() -> None:
    rows = mx.zeros((50, 100))
    sampler = Sampler(1.0, 20, 100)
    first = np.array(choose(sampler, rows, mx.random.key(1)))
    assert np.array_equal(first, np.array(choose(sampler, rows, mx.random.key(1))))
    assert not np.array_equal(first, np.array(choose(sampler, rows, mx.random.key(2))))


@pytest.mark.parametrize(("temperature", "top_k"), [(-0.1, 5), (1.0, 0)])
def test_senseless_values_are_refused(temperature: float, top_k: int) -> None:
    with pytest.raises(ValueError, match="must be 0 or more, top_k"):
        Sampler(temperature, top_k, 10)


def test_the_defaults_are_those_moshi_was_tuned_with() -> None:
    assert Sampling() == Sampling(0.7, 25, 0.8, 250, None)
    assert GREEDY.text_temperature == GREEDY.audio_temperature == 0
