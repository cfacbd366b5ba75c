"""Moshi and Mimi in MLX: arrays in, arrays out; knows no device, process or broker."""

import os

from moshi_speaker.moshi.blas import load_from_environment

# Both must come before the first import of mlx.core, and every module that imports it lies in this package.
# Newer GPUs would compute float32 products in TF32, whose 10 bits flip codes of Mimi.
os.environ.setdefault("MLX_ENABLE_TF32", "0")
load_from_environment()
