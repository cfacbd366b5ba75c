"""The split residual quantizer against its definition."""

import mlx.core as mx
import numpy as np
import pytest

from moshi_speaker.moshi.mimi.config import QuantizerConfig
from moshi_speaker.moshi.mimi.quantizer import Codebook, SplitQuantizer, centroids

CONFIG = QuantizerConfig(dimension=5, n_q=6, bins=17)


def _fill(codebook: Codebook, seed: int) -> None:
    points = mx.random.normal(codebook.centroids.shape, key=mx.random.key(seed))
    codebook.centroids = points
    codebook.half_squares = 0.5 * (points * points).sum(axis=-1)


def _quantizer(num_codebooks: int) -> SplitQuantizer:
    quantizer = SplitQuantizer(8, CONFIG, num_codebooks)
    groups = (
        [quantizer.rvq_first] if quantizer.rvq_rest is None else [quantizer.rvq_first, quantizer.rvq_rest]
    )
    for g, group in enumerate(groups):
        group.input_proj.weight = mx.random.normal((1, 8, 5), key=mx.random.key(10 + g))
        group.output_proj.weight = mx.random.normal((1, 5, 8), key=mx.random.key(20 + g))
        for i, codebook in enumerate(group.codebooks):
            _fill(codebook, 100 * g + i)
    return quantizer


def test_the_nearest_centroid_is_the_one_at_the_least_distance() -> None:
    codebook = Codebook(17, 5)
    _fill(codebook, 1)
    x = np.array(mx.random.normal((3, 4, 5), key=mx.random.key(2)))
    distances = np.linalg.norm(x[:, :, None] - np.array(codebook.centroids), axis=-1)
    assert np.array_equal(np.array(codebook.nearest(mx.array(x))), distances.argmin(-1))


def test_each_acoustic_codebook_quantizes_what_the_ones_before_left() -> None:
    quantizer = _quantizer(4)
    assert quantizer.rvq_rest is not None
    latent = mx.random.normal((1, 3, 8), key=mx.random.key(5))
    codes = np.array(quantizer.encode(latent))
    assert codes.dtype == np.int32 and codes.shape == (1, 4, 3)
    residual = np.array(latent @ quantizer.rvq_rest.input_proj.weight)
    for i, codebook in enumerate(quantizer.rvq_rest.codebooks):
        points = np.array(codebook.centroids)
        nearest = np.linalg.norm(residual[:, :, None] - points, axis=-1).argmin(-1)
        assert np.array_equal(codes[:, 1 + i], nearest)
        residual -= points[nearest]


def test_decoding_sums_the_centroids_of_each_group_and_projects_them() -> None:
    quantizer = _quantizer(3)
    assert quantizer.rvq_rest is not None
    semantic, first, second = 4, 9, 16
    rest = (
        quantizer.rvq_rest.codebooks[0].centroids[first] + quantizer.rvq_rest.codebooks[1].centroids[second]
    )
    expected = (
        quantizer.rvq_first.codebooks[0].centroids[semantic] @ quantizer.rvq_first.output_proj.weight[0]
        + rest @ quantizer.rvq_rest.output_proj.weight[0]
    )
    decoded = quantizer.decode(mx.array([[[semantic], [first], [second]]]))
    assert mx.allclose(decoded[0, 0], expected, rtol=1e-5, atol=1e-6).item()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_fewer_codebooks_give_the_same_first_codes(count: int) -> None:
    latent = mx.random.normal((2, 3, 8), key=mx.random.key(6))
    every = _quantizer(6).encode(latent)
    assert mx.array_equal(_quantizer(count).encode(latent), every[:, :count]).item()


def test_an_unused_centroid_is_not_divided_by_zero() -> None:
    points = centroids(mx.ones((2, 3)), mx.array([4.0, 0.0]))
    assert points.tolist() == [[0.25] * 3, pytest.approx([1e5] * 3)]
