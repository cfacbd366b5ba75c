"""Which kind of device computes."""

import mlx.core as mx


def on_cpu() -> bool:
    """Arrays are computed on a CPU, where other forms of the same arithmetic are fast than on a GPU."""
    return mx.default_device() == mx.Device(mx.cpu)
