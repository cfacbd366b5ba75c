"""Whether MLX may trace and fuse the steps of a model."""

import mlx.core as mx

from moshi_speaker.moshi.device import on_cpu


def compiles() -> bool:
    """Whether steps should be compiled here: on a GPU, unless a small function fails.

    On a GPU that saves most of Python's share of a step, and kernels. On a CPU it would shorten a small
    model's step by a few milliseconds and a large one's hardly, but MLX would run a C++ compiler, and
    load what it made from a folder that all users may write.
    """
    return not on_cpu() and can_compile()


def can_compile() -> bool:
    """Whether a small function can be compiled and computed on the default device."""
    fused = mx.compile(lambda x: x * mx.sigmoid(x) + 1.0)
    try:
        mx.eval(fused(mx.ones((8,))))
    except RuntimeError:
        return False
    return True
