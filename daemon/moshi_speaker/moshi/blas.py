"""A fast BLAS for MLX on a Linux CPU."""

import ctypes
import sys


def load_openblas() -> bool:
    """Let MLX use the system's OpenBLAS, if there is one; true when it will.

    The Linux wheel of MLX brings a reference BLAS, which is 2 to 30 times slower. A library whose symbols are
    global before ``mlx.core`` is imported for the first time takes its place, so call this before.
    macOS has its own (Accelerate).
    """
    if sys.platform != "linux" or "mlx.core" in sys.modules:
        return False
    try:
        ctypes.CDLL("libopenblas.so.0", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True
