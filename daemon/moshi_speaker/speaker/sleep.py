"""How long the machine has slept: its sound devices often come back dead from it."""

import platform
import time

_CLOCKS = {"Linux": ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"), "Darwin": ("CLOCK_MONOTONIC", "CLOCK_UPTIME_RAW")}
"""Of each system, the clock that goes on while it sleeps, and the one that stands still; neither jumps when
somebody sets the time."""


def asleep_s() -> float:
    """Seconds of sleep since the machine was started; 0 on a system that does not say."""
    clocks = [getattr(time, name, None) for name in _CLOCKS.get(platform.system(), ())]
    if len(clocks) != 2 or None in clocks:
        return 0.0
    onward, awake = (time.clock_gettime(clock) for clock in clocks if clock is not None)
    return max(0.0, onward - awake)
