"""The published names and shapes, without the published weights."""

import json
import subprocess
import sys
from collections.abc import Iterable
from math import prod

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten

from moshi_speaker.moshi.mimi.codec import Mimi
from moshi_speaker.moshi.mimi.config import MimiConfig, SeanetConfig
from moshi_speaker.moshi.mimi.layout import published_shapes

PUBLISHED_BYTES = 384_644_900
"""Size of the file on the Hub (moshi-spec §1.5)."""


def _file_size(shapes: dict[str, tuple[int, ...]]) -> int:
    header: dict[str, object] = {}
    offset = 0
    for name in sorted(shapes):
        end = offset + 4 * prod(shapes[name])
        header[name] = {"dtype": "F32", "shape": list(shapes[name]), "data_offsets": [offset, end]}
        offset = end
    length = len(json.dumps(header, separators=(",", ":")))
    return 8 + -(-length // 8) * 8 + offset


def test_the_published_file_has_318_tensors_and_its_very_size() -> None:
    shapes = published_shapes(MimiConfig())
    assert len(shapes) == 318
    assert round(sum(map(prod, shapes.values())) / 1e6, 2) == 96.15
    assert _file_size(shapes) == PUBLISHED_BYTES


def test_the_small_checkpoint_has_the_expected_tensors(
    small_config: MimiConfig, small_weights: dict[str, mx.array]
) -> None:
    assert {name: value.shape for name, value in small_weights.items()} == published_shapes(small_config)


@pytest.mark.parametrize("residual_layers", [1, 2])
@pytest.mark.parametrize("num_codebooks", [1, 8, 32])
def test_the_published_tensors_become_exactly_the_parameters(
    residual_layers: int, num_codebooks: int
) -> None:
    # Everything is lazy, so nothing of the full size is allocated.
    config = MimiConfig(seanet=SeanetConfig(n_residual_layers=residual_layers))
    mimi = Mimi(config, num_codebooks)
    published = {name: mx.zeros(shape) for name, shape in published_shapes(config).items()}
    prepared = {name: value.shape for name, value in mimi.sanitize(published).items()}
    parameters = dict(tree_flatten(dict(mimi)))
    assert prepared == {name: value.shape for name, value in parameters.items()}


def test_outside_quantizer_and_transformers_parameters_keep_their_published_names(
    small_mimi: Mimi, small_weights: dict[str, mx.array]
) -> None:
    def plain(names: Iterable[str], prepared: str) -> set[str]:
        return {name for name in names if prepared not in name and "_transformer." not in name}

    assert plain(small_mimi.sanitize(small_weights), ".codebooks.") == plain(small_weights, "._codebook.")


def test_the_layout_is_known_without_mlx() -> None:
    code = "import moshi_speaker.moshi.mimi.layout, sys; sys.exit('mlx.core' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0
    )
