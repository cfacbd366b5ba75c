"""Encoder and decoder with more residual blocks than the published ones, so that dilation counts."""

from itertools import pairwise

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten

from moshi_speaker.moshi.mimi.config import SeanetConfig
from moshi_speaker.moshi.mimi.seanet import Seanet, seanet_decoder, seanet_encoder

CONFIG = SeanetConfig(dimension=6, n_filters=4, ratios=(3, 2), n_residual_layers=2)


def _randomized(seanet: Seanet) -> Seanet:
    parameters = dict(tree_flatten(dict(seanet)))
    noise = [
        (name, 0.3 * mx.random.normal(value.shape, key=mx.random.key(i)))
        for i, (name, value) in enumerate(parameters.items())
    ]
    seanet.load_weights(noise)
    return seanet


@pytest.mark.parametrize(
    ("seanet", "shape_in", "shape_out"),
    [
        (seanet_encoder(CONFIG, 2), (2, 48, 1), (2, 8, 6)),
        (seanet_decoder(CONFIG, 2), (2, 8, 6), (2, 48, 1)),
    ],
)
def test_a_stream_in_ragged_pieces_equals_the_whole(
    seanet: Seanet, shape_in: tuple[int, ...], shape_out: tuple[int, ...]
) -> None:
    _randomized(seanet)
    x = mx.random.normal(shape_in, key=mx.random.key(4))
    whole = seanet(x, seanet.make_state())
    assert whole.shape == shape_out
    unit = shape_in[1] // 8
    state = seanet.make_state()
    cuts = [0, unit, 2 * unit, 5 * unit, 8 * unit]
    pieces = [seanet(x[:, a:b], state) for a, b in pairwise(cuts)]
    assert mx.std(whole) > 0.01
    assert mx.allclose(mx.concatenate(pieces, axis=1), whole, rtol=1e-4, atol=1e-5).item()


def test_what_comes_later_does_not_change_what_came_before() -> None:
    seanet = _randomized(seanet_encoder(CONFIG, 2))
    x = mx.random.normal((1, 48, 1), key=mx.random.key(5))
    louder = mx.concatenate([x[:, :24], x[:, 24:] * 3], axis=1)
    before = seanet(x, seanet.make_state())[:, :4]
    assert mx.allclose(seanet(louder, seanet.make_state())[:, :4], before, atol=1e-6).item()
