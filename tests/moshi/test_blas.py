"""Which BLAS MLX multiplies with."""

import subprocess
import sys
from ctypes.util import find_library

import pytest


def _run(code: str) -> str:
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": ""}
    return subprocess.check_output([sys.executable, "-c", code], env=environment, text=True).strip()


@pytest.mark.skipif(sys.platform != "linux" or not find_library("openblas"), reason="there is no OpenBLAS")
def test_openblas_is_loaded_before_mlx_and_the_products_are_right() -> None:
    code = (
        "from moshi_speaker.moshi.blas import load_openblas\n"
        "loaded = load_openblas()\n"
        "import mlx.core as mx\n"
        "product = mx.matmul(mx.ones((3, 5)), mx.ones((5, 2)), stream=mx.cpu)\n"
        "print(loaded, 'openblas' in open('/proc/self/maps').read(), product.tolist())"
    )
    assert _run(code) == f"True True {[[5.0, 5.0]] * 3}"


def test_float32_stays_float32_on_gpus_that_would_round_products() -> None:
    code = "import os, moshi_speaker.moshi; print(os.environ['MLX_ENABLE_TF32'])"
    assert _run(code) == "0"


def test_once_mlx_is_there_it_is_too_late() -> None:
    code = "import mlx.core; from moshi_speaker.moshi.blas import load_openblas; print(load_openblas())"
    assert _run(code) == "False"
