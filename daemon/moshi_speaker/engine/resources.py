"""What the engine process uses: memory, and the library that multiplies its matrices."""

import sys

from moshi_speaker.engine.interface import Memory


def memory() -> Memory:
    """What MLX holds now; nothing in a process that has not loaded it."""
    mlx = sys.modules.get("mlx.core")
    if mlx is None:
        return Memory()
    return Memory(mlx.get_active_memory(), mlx.get_peak_memory(), mlx.get_cache_memory())


def blas() -> str:
    """Which BLAS runs, in words, or nothing where none does or nobody knows."""
    chosen = sys.modules.get("moshi_speaker.moshi.blas")
    report = getattr(chosen, "report", None)
    return "" if report is None else str(report())
