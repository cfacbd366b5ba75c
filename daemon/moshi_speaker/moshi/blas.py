"""A fast BLAS for MLX on a Linux CPU.

The Linux wheel of MLX brings a reference BLAS, which is 2 to 30 times slower than others. A library whose
symbols are global before ``mlx.core`` is imported for the first time takes its place. macOS has its own
(Accelerate).
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

WISH = "MOSHI_SPEAKER_BLAS"
"""Environment variable: auto, openblas, blis or builtin; unset: auto."""
THREADS = "MOSHI_SPEAKER_THREADS"
"""Environment variable: how many threads products may use; unset: 1 of BLIS, OpenBLAS's own choice."""
SPIN_COUNT = 20_000
"""Turns that an idle thread of OpenMP waits for the next product before it sleeps: some 0.1 ms.

Products follow each other closely within a frame, and waking a thread takes longer than most of them.
"""
_FILES = {"blis": "libblis.so.4", "openblas": "libopenblas.so.0"}
_OPENMP = {
    "GOMP_SPINCOUNT": str(SPIN_COUNT),
    # BLIS is told its threads. A team of anything else beside its own, and idle threads would not wait awake.
    "OMP_NUM_THREADS": "1",
}
_PACKAGES = {"blis": "libblis4-openmp", "openblas": "libopenblas0-pthread"}
_AUTO = ("blis", "openblas")
"""BLIS first: it reads the matrices of a frame, which meet one or two columns only, up to twice as fast."""


@dataclass(frozen=True, slots=True)
class BlasReport:
    """Which library multiplies on the CPU."""

    name: str
    """BLIS, OpenBLAS, or what else there is."""
    version: str = ""
    threads: int | None = None
    """Threads of one product, if the library says so."""
    remark: str = ""
    """What the user should know, one line."""

    def __str__(self) -> str:
        """One short phrase."""
        words = " ".join(filter(None, (self.name, self.version)))
        count = "" if self.threads is None else f", {self.threads} thread{'s' * (self.threads != 1)}"
        return f"{words}{count}" + (f" ({self.remark})" if self.remark else "")


_report = BlasReport("MLX's own")


def report() -> BlasReport:
    """What ``load_blas`` found."""
    return _report


def load_blas(wish: str, threads: int | None) -> BlasReport:
    """Let MLX use the library that is wished for, if it is there; to be called before MLX is imported."""
    global _report
    _report = _loaded(wish, threads)
    return _report


def load_from_environment() -> BlasReport:
    """As ``load_blas``, by the variables ``WISH`` and ``THREADS``."""
    threads = os.environ.get(THREADS, "")
    return load_blas(os.environ.get(WISH, "auto"), int(threads) if threads.isdigit() else None)


def _loaded(wish: str, threads: int | None) -> BlasReport:
    if sys.platform != "linux":
        return BlasReport("MLX's own")
    if "mlx.core" in sys.modules:
        return BlasReport("MLX's own", remark="it was loaded before another could be")
    for name, library in _candidates(wish):
        return _blis(library, threads) if name == "blis" else _openblas(library, threads)
    if wish == "builtin":
        return BlasReport("MLX's own")
    missing = _FILES.get(wish, " or ".join(_FILES[name] for name in _AUTO))
    return BlasReport(
        "MLX's own", remark=f"slow: there is no {missing}; install {_PACKAGES.get(wish, _PACKAGES['blis'])}"
    )


def _candidates(wish: str) -> Iterator[tuple[str, ctypes.CDLL]]:
    for name in _AUTO if wish == "auto" else (wish,):
        if name in _FILES:
            wanted = _OPENMP if name == "blis" else {}
            added = {key: value for key, value in wanted.items() if key not in os.environ}
            os.environ.update(added)
            try:
                yield name, ctypes.CDLL(_FILES[name], mode=ctypes.RTLD_GLOBAL)
            except OSError:
                for variable in added:
                    del os.environ[variable]


def _blis(library: ctypes.CDLL, threads: int | None) -> BlasReport:
    # Its variant with plain threads starts and joins them for each product, which costs more than it brings.
    used = (threads or 1) if hasattr(library, "GOMP_parallel") else 1
    library.bli_thread_set_num_threads(ctypes.c_int64(used))
    library.bli_info_get_version_str.restype = ctypes.c_char_p
    return BlasReport("BLIS", library.bli_info_get_version_str().decode(), used)


def _openblas(library: ctypes.CDLL, threads: int | None) -> BlasReport:
    if threads:
        library.openblas_set_num_threads(ctypes.c_int(threads))
    library.openblas_get_config.restype = ctypes.c_char_p
    words = library.openblas_get_config().decode().split()
    return BlasReport("OpenBLAS", words[1] if len(words) > 1 else "", library.openblas_get_num_threads())
