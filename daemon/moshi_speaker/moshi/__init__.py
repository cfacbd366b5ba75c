"""Moshi and Mimi in MLX: arrays in, arrays out; knows no device, process or broker."""

from moshi_speaker.moshi.blas import load_openblas

# Must come before the first import of mlx.core, and every module that imports it lies in this package.
load_openblas()
