"""Whether MLX may trace and fuse the steps of a model."""

import mlx.core as mx

from moshi_speaker.moshi.device import on_cpu


def compiles() -> bool:
    """Whether steps should be compiled here: on a GPU, unless a small function fails.

    On a GPU that saves most of Python's share of a step, and kernels. On a CPU a step gains little, and
    MLX would run a C++ compiler in a folder that all users share.
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
