"""Which kind of device computes."""

import mlx.core as mx


def on_cpu() -> bool:
    """Arrays are computed on a CPU, where other forms of the same arithmetic are fast than on a GPU."""
    return mx.default_device() == mx.Device(mx.cpu)


def on_metal() -> bool:
    """Arrays are computed on a GPU of Apple's."""
    return mx.metal.is_available() and not on_cpu()
