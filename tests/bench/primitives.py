"""Counting what a step of a language model asks of the device: the primitives of MLX's graph.

The graph is put together but not computed, with weights that take no memory. On a CPU MLX's fast
operations (norm, rotation, attention) are taken apart into many primitives; a GPU has one kernel for each.
"""

import io
import re
from collections import Counter
from dataclasses import replace

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_map

from moshi_speaker.moshi.config import LmConfig
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
    return sum(n for name, n in counted.items() if name not in VIEWS)


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
    """The primitives of one of our steps, once the window is full, with the default sampling."""
    # Nothing of a step shows the length of the window, but that it is full.
    short = replace(config, context=4)
    model = MoshiLm(short)
    model.set_dtype(dtype)
    hollow_out(model)
    if quantization:
        nn.quantize(model, group_size=quantization.group_size, bits=quantization.bits)
        # As ``load_lm`` does.
        model.depformer.set_dtype(mx.float32)
        hollow_out(model)
    steps = 2 * short.context
    return _after(model, dtype, steps + 1, compiled=compiled) - _after(model, dtype, steps, compiled=compiled)


def _after(model: MoshiLm, dtype: mx.Dtype, steps: int, *, compiled: bool) -> Counter[str]:
    """The primitives of that many steps, of which none was computed."""
    generator = Generator(model, Sampling(seed=0), dtype, compiled=compiled)
    codes = mx.zeros((1, model.config.heard, 1), mx.int32)
    mx.eval(codes, *generator.state_arrays())
    done = [generator.start(), *(generator.step(codes) for _ in range(steps - 1))]
    frames = [step.codes for step in done if step.codes is not None]
    return primitives(*frames, done[-1].text, *generator.state_arrays())
