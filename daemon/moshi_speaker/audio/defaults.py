"""Which devices macOS takes for its defaults, asked of Core Audio itself.

PortAudio makes its list of devices once, so it does not see that another one became the default. On Linux
the sound server moves a stream by itself (PulseAudio 16: within a tenth of a second), and there is nothing
to ask. Property selectors as in Apple's AudioHardware.h and AudioHardwareBase.h.
"""

import ctypes
import platform
from dataclasses import dataclass
from functools import cache

_FRAMEWORK = "/System/Library/Frameworks/CoreAudio.framework/CoreAudio"
_SYSTEM = 1
"""kAudioObjectSystemObject."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """The system's default devices; None is what it does not say."""

    input_id: int | None
    """Number of the microphone; another one after it was plugged in again."""
    input_rate: float | None
    """Its sample rate, in hertz."""
    output_id: int | None
    output_rate: float | None


def system_defaults() -> Defaults | None:
    """The defaults now; None where there is nobody to ask. Takes far less than a millisecond."""
    framework = _core_audio()
    if framework is None:
        return None
    microphone = _number(framework, _SYSTEM, b"dIn ")
    loudspeaker = _number(framework, _SYSTEM, b"dOut")
    return Defaults(microphone, _rate(framework, microphone), loudspeaker, _rate(framework, loudspeaker))


def moved_default(
    then: Defaults | None, now: Defaults | None, wanted: tuple[str | int | None, str | int | None]
) -> str | None:
    """In one line what the system changed since ``then`` of a device that the user did not choose.

    ``wanted`` are the microphone and the loudspeaker of the settings, None for the default.
    """
    if then is None or now is None:
        return None
    changes = (
        ("microphone", wanted[0], (then.input_id, then.input_rate), (now.input_id, now.input_rate)),
        ("loudspeaker", wanted[1], (then.output_id, then.output_rate), (now.output_id, now.output_rate)),
    )
    for what, chosen, before, after in changes:
        if chosen is None and before[0] != after[0]:
            return f"the system's default {what} is another one now"
        if chosen is None and before[1] != after[1]:
            return f"the sample rate of the system's default {what} changed"
    return None


class _Address(ctypes.Structure):
    """AudioObjectPropertyAddress."""

    _fields_ = (
        ("selector", ctypes.c_uint32),
        ("scope", ctypes.c_uint32),
        ("element", ctypes.c_uint32),
    )


@cache
def _core_audio() -> ctypes.CDLL | None:
    if platform.system() != "Darwin":
        return None
    try:
        return ctypes.CDLL(_FRAMEWORK)
    except OSError:
        return None


def _number(framework: ctypes.CDLL, subject: int, selector: bytes) -> int | None:
    value = ctypes.c_uint32()
    return value.value if _ask(framework, subject, selector, value) else None


def _rate(framework: ctypes.CDLL, device: int | None) -> float | None:
    value = ctypes.c_double()
    return value.value if device and _ask(framework, device, b"nsrt", value) else None


def _ask(
    framework: ctypes.CDLL, subject: int, selector: bytes, value: ctypes.c_uint32 | ctypes.c_double
) -> bool:
    """AudioObjectGetPropertyData in the global scope; False if it has no answer."""
    address = _Address(int.from_bytes(selector, "big"), int.from_bytes(b"glob", "big"), 0)
    size = ctypes.c_uint32(ctypes.sizeof(value))
    status = framework.AudioObjectGetPropertyData(
        ctypes.c_uint32(subject),
        ctypes.byref(address),
        ctypes.c_uint32(0),
        None,
        ctypes.byref(size),
        ctypes.byref(value),
    )
    return int(status) == 0
