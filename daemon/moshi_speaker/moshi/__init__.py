"""Moshi and Mimi in MLX: arrays in, arrays out; knows no device, process or broker."""
