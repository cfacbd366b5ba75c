"""Which BLAS MLX multiplies with. Each choice in a process of its own, because a process has one."""

import subprocess
import sys
from ctypes.util import find_library

import pytest

MULTIPLY = (
    "import moshi_speaker.moshi\n"
    "from moshi_speaker.moshi.blas import report\n"
    "import mlx.core as mx\n"
    "product = mx.matmul(mx.ones((3, 5)), mx.ones((5, 2)), stream=mx.cpu)\n"
    "assert product.tolist() == [[5.0, 5.0]] * 3\n"
    "maps = open('/proc/self/maps').read() if {linux} else ''\n"
    "print(report(), *(name for name in ('blis', 'openblas') if f'lib{{name}}' in maps), sep='|')\n"
).format(linux=sys.platform == "linux")

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only MLX for Linux needs another BLAS")
with_blis = pytest.mark.skipif(not find_library("blis"), reason="there is no BLIS")
with_openblas = pytest.mark.skipif(not find_library("openblas"), reason="there is no OpenBLAS")


def _run(code: str, **variables: str) -> str:
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "", **variables}
    return subprocess.check_output([sys.executable, "-c", code], env=environment, text=True).strip()


@on_linux
@with_blis
@pytest.mark.parametrize("wish", ["auto", "blis"])
def test_blis_comes_first_where_it_is_installed(wish: str) -> None:
    told, *loaded = _run(MULTIPLY, MOSHI_SPEAKER_BLAS=wish, MOSHI_SPEAKER_THREADS="1").split("|")
    assert loaded == ["blis"]
    assert told.startswith("BLIS ")
    assert told.endswith(", 1 thread")


@on_linux
@with_blis
def test_only_blis_keeps_others_from_starting_teams_of_openmp() -> None:
    code = (
        "import os\n"
        "from moshi_speaker.moshi import blas\n"
        "{missing}"
        "blas.load_blas('auto', 1)\n"
        "print(os.environ.get('OMP_NUM_THREADS'))"
    )
    away = "blas._FILES['blis'] = 'libno-such.so.4'\n"
    idle = {"MOSHI_SPEAKER_BLAS": "builtin"}  # while the package is imported
    assert _run(code.format(missing=""), **idle) == "1"
    assert _run(code.format(missing=""), **idle, OMP_NUM_THREADS="3") == "3"
    assert _run(code.format(missing=away), **idle) == "None"


@on_linux
@with_openblas
def test_openblas_is_taken_where_it_is_wished_for() -> None:
    told, *loaded = _run(MULTIPLY, MOSHI_SPEAKER_BLAS="openblas", MOSHI_SPEAKER_THREADS="2").split("|")
    assert loaded == ["openblas"]
    assert told.startswith("OpenBLAS ")
    assert told.endswith(", 2 threads")


@on_linux
def test_the_built_in_one_is_taken_without_a_word_only_where_it_is_wished_for() -> None:
    assert _run(MULTIPLY, MOSHI_SPEAKER_BLAS="builtin") == "MLX's own"


@on_linux
def test_where_nothing_is_installed_it_is_said_and_what_to_install() -> None:
    code = (
        "from moshi_speaker.moshi import blas\n"
        "blas._FILES.update(blis='libno-such.so.4', openblas='libno-such.so.0')\n"
        "print(blas.load_blas('auto', None))\n"
        "print(blas.load_blas('blis', None))"
    )
    either, blis = _run(code).splitlines()
    assert either == (
        "MLX's own (slow: there is no libno-such.so.4 or libno-such.so.0; install libblis4-openmp)"
    )
    assert blis == "MLX's own (slow: there is no libno-such.so.4; install libblis4-openmp)"


@on_linux
def test_once_mlx_is_there_it_is_too_late() -> None:
    code = "import mlx.core; from moshi_speaker.moshi.blas import load_blas; print(load_blas('auto', 1))"
    assert _run(code) == "MLX's own (it was loaded before another could be)"


def test_float32_stays_float32_on_gpus_that_would_round_products() -> None:
    code = "import os, moshi_speaker.moshi; print(os.environ['MLX_ENABLE_TF32'])"
    assert _run(code) == "0"
