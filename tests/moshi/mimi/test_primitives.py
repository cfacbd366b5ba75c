"""Guards how much a frame of Mimi asks of the device, in primitives of MLX's graph."""

from collections import Counter
from collections.abc import Callable

import mlx.core as mx
import pytest
from mlx.utils import tree_map

from moshi_speaker.moshi.mimi import elu, norm, transformer
from moshi_speaker.moshi.mimi.codec import CodecState, Mimi
from moshi_speaker.moshi.mimi.config import MimiConfig
from tests.bench.primitives import hollow, operations, primitives

CODEBOOKS = 8


@pytest.fixture
def as_on_metal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The form for Apple's GPUs, with one primitive, of other numbers, for each of MLX's fast operations."""

    def layer_norm(x: mx.array, weight: None, bias: None, eps: float) -> mx.array:
        return mx.cumsum(x, axis=-1)

    def attention(q: mx.array, k: mx.array, v: mx.array, *, scale: float, mask: mx.array) -> mx.array:
        return mx.addmm(q, mask[:, :1], v[:, :, :1])

    for module in (elu, norm):
        monkeypatch.setattr(module, "on_cpu", lambda: False)
    monkeypatch.setattr(transformer, "on_metal", lambda: True)
    monkeypatch.setattr(mx.fast, "layer_norm", layer_norm)
    monkeypatch.setattr(mx.fast, "scaled_dot_product_attention", attention)


def frame_of(way: str, *, compiled: bool) -> Counter[str]:
    """The primitives of one frame in a stream of the published size; nothing is computed."""
    mimi = Mimi(MimiConfig(), CODEBOOKS, compiled=compiled)
    mimi.update(tree_map(hollow, mimi.parameters()))
    if way == "encode":
        sound = hollow(mx.zeros((1, mimi.config.frame_size)))
        return _after(3, mimi.encode, sound, mimi.make_encoder_state())
    codes = hollow(mx.zeros((1, CODEBOOKS, 1), mx.int32))
    return _after(3, mimi.decode, codes, mimi.make_decoder_state())


def _after(
    frames: int, run: Callable[[mx.array, CodecState], mx.array], frame: mx.array, state: CodecState
) -> Counter[str]:
    """The primitives that the last of so many frames adds."""
    mx.eval(state.transformer.rings)
    results, counts = [], []
    for _ in range(frames):
        results.append(run(frame, state))
        counts.append(primitives(*results, *state.transformer.rings))
    return counts[-1] - counts[-2]


@pytest.mark.usefixtures("as_on_metal")
@pytest.mark.parametrize(("way", "most"), [("encode", 157), ("decode", 138)])
def test_a_compiled_frame_on_a_gpu_takes_few_operations(way: str, most: int) -> None:
    plain, compiled = frame_of(way, compiled=False), frame_of(way, compiled=True)
    assert operations(compiled) <= most
    assert operations(compiled) < 0.8 * operations(plain)
    # Each ELU and each GELU is one kernel.
    assert compiled["Expm1"] == compiled["Erf"] == 0
    assert plain["Expm1"] == 13 and plain["Erf"] == 8


@pytest.mark.usefixtures("as_on_metal")
@pytest.mark.parametrize("way", ["encode", "decode"])
def test_on_a_gpu_nothing_but_centroids_is_looked_up(way: str) -> None:
    """An index into a ring would be a look-up that copies it."""
    assert frame_of(way, compiled=False)["Gather"] <= CODEBOOKS
