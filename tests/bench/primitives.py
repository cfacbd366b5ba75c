"""Counting what a step of a language model asks of the device: the primitives of MLX's graph.

The graph is put together but not computed, with weights that take no memory. On a CPU MLX's fast
operations (norm, rotation, attention) are taken apart into many primitives; a GPU has one kernel for each
(``as_on_a_gpu``).
"""

import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_map

from moshi_speaker.moshi import device
from moshi_speaker.moshi.config import LmConfig
from moshi_speaker.moshi.lm import kernels
from moshi_speaker.moshi.lm.generate import Generator
from moshi_speaker.moshi.lm.layout import Quantization
from moshi_speaker.moshi.lm.sampling import Sampling
from moshi_speaker.moshi.lm.temporal import MoshiLm

VIEWS = frozenset(
    {
        *("AsStrided", "Broadcast", "ExpandDims", "Flatten", "Reshape", "Slice", "Split", "Squeeze"),
        *("StopGradient", "Transpose", "Unflatten", "View"),
    }
)
"""Primitives that look at the data of another array. A reshape may copy, which depends on the layout of
its input; none is counted, of whichever implementation."""


def primitives(*outputs: mx.array) -> Counter[str]:
    """How many primitives of each name lie between arrays that are computed and ``outputs``."""
    graph = io.StringIO()
    mx.export_to_dot(graph, *outputs)
    return Counter(re.findall(r'label ?= ?"([^"]*)", shape=rectangle', graph.getvalue()))


def operations(counted: Counter[str]) -> int:
    """Primitives that are not views."""
    # A view as another type has that type in its name.
    return sum(n for name, n in counted.items() if name.partition(" ")[0] not in VIEWS)


def casts(counted: Counter[str]) -> int:
    """Changes of type."""
    return counted["AsType"]


def hollow(array: mx.array) -> mx.array:
    """A computed array of the same type and shape in the memory of one number."""
    flat = mx.broadcast_to(mx.zeros((), array.dtype), array.shape)
    mx.eval(flat)
    return flat


def hollow_out(model: MoshiLm) -> None:
    """Give a model weights that take no memory."""
    model.update(tree_map(hollow, model.parameters()))  # type: ignore[no-untyped-call]


def step_of_moshi(
    config: LmConfig, dtype: mx.Dtype, quantization: Quantization | None, *, compiled: bool = False
) -> Counter[str]:
    """The primitives of one of our steps, once the window is full, with the default sampling.

    ``dtype`` is that of the activations; the file is in bfloat16, as all published ones are.
    """
    # Nothing of a step shows the length of the window, but that it is full.
    short = replace(config, context=4)
    model = MoshiLm(short)
    model.set_dtype(mx.bfloat16)
    hollow_out(model)
    if quantization:
        nn.quantize(model, group_size=quantization.group_size, bits=quantization.bits)
    _set_types(model, dtype, depth=mx.float32 if quantization or device.on_cpu() else dtype)
    hollow_out(model)
    steps = 2 * short.context
    return _after(model, dtype, steps + 1, compiled=compiled) - _after(model, dtype, steps, compiled=compiled)


def _set_types(model: MoshiLm, dtype: mx.Dtype, depth: mx.Dtype) -> None:
    """As ``load_lm`` does: tables stay as they are."""
    temporal: list[nn.Module] = [model.transformer, model.out_norm, model.text_linear]
    for part in temporal:
        part.set_dtype(dtype)
    model.depformer.set_dtype(depth)
    for piece in model.depformer.slices:
        piece.emb.set_dtype(mx.bfloat16)


@contextmanager
def as_on_a_gpu() -> Iterator[None]:
    """Let steps be put together in the form for a GPU, with one primitive for each of MLX's fast operations.

    What stands in for them yields the same shape and type from the same inputs, and other numbers.
    """

    def norm(x: mx.array, weight: mx.array, eps: float) -> mx.array:
        return x * weight

    def attention(q: mx.array, k: mx.array, v: mx.array, *, scale: float, mask: mx.array | None) -> mx.array:
        # The counted step has none: it sees the whole window.
        return mx.addmm(q, k[..., :1, :1], v[..., :1, :])

    with (
        patch.object(device, "on_cpu", lambda: False),
        patch.object(kernels, "on_cpu", lambda: False),
        patch.object(mx.fast, "rms_norm", norm),
        patch.object(mx.fast, "scaled_dot_product_attention", attention),
    ):
        yield


def _after(model: MoshiLm, dtype: mx.Dtype, steps: int, *, compiled: bool) -> Counter[str]:
    """The primitives of that many steps, of which none was computed."""
    generator = Generator(model, Sampling(seed=0), dtype, compiled=compiled)
    codes = mx.zeros((1, model.config.heard, 1), mx.int32)
    mx.eval(codes, *generator.state_arrays())
    done = [generator.start(), *(generator.step(codes) for _ in range(steps - 1))]
    frames = [step.codes for step in done if step.codes is not None]
    return primitives(*frames, done[-1].text, *generator.state_arrays())
