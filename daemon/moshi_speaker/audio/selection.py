"""Which sound device the user means."""

from dataclasses import dataclass
from typing import Literal

from moshi_speaker.audio.frames import SAMPLE_RATE
from moshi_speaker.errors import DeviceError

Direction = Literal["input", "output"]

USUAL_RATES = (48_000, 44_100, 16_000, 8_000)
"""Hertz; tried where a device takes neither our rate nor the one that it says is its own."""


@dataclass(frozen=True, slots=True)
class AudioDevice:
    """One entry of the system's list of sound devices."""

    index: int
    """Number of the entry; changes when devices come and go."""
    name: str
    inputs: int
    """Channels it can capture."""
    outputs: int
    """Channels it can play."""
    default_input: bool
    """The system captures here unless told otherwise."""
    default_output: bool
    """The system plays here unless told otherwise."""
    rate: int
    """The device's own sample rate, in hertz."""


@dataclass(frozen=True, slots=True)
class StreamForm:
    """How a device takes or gives its samples; channels are interleaved."""

    rate: int
    """Hertz."""
    channels: int
    integers: bool = False
    """Samples of 16 bits in place of float32."""


def forms(device: AudioDevice, direction: Direction) -> list[StreamForm]:
    """What to ask a device for, the best first: our own form, its own rate, then whatever it may take."""
    able = device.inputs if direction == "input" else device.outputs
    counts = tuple(dict.fromkeys((1, 2, able)))
    rates = (device.rate, SAMPLE_RATE, *USUAL_RATES)
    pairs = dict.fromkeys([(SAMPLE_RATE, 1), *((rate, count) for rate in rates for count in counts)])
    return [StreamForm(*pair, integers) for integers in (False, True) for pair in pairs]


def choose(devices: list[AudioDevice], wanted: str | int | None, direction: Direction) -> AudioDevice:
    """The device by index, exact name, or part of the name in any case; None: the system's default.

    Raises DeviceError that lists the devices when there is none or more than one.
    """
    able = [d for d in devices if (d.inputs if direction == "input" else d.outputs)]
    if not able:
        what = "microphone" if direction == "input" else "loudspeaker"
        raise DeviceError(f"there is no {what}", remedy="connect one, or look at the system's sound settings")
    found = _matches(able, wanted, direction)
    if len(found) == 1:
        return found[0]
    problem = "no such device" if not found else "more than one device has this name"
    names = ", ".join(f"{d.index} {d.name!r}" for d in (found or able))
    raise DeviceError(
        f"{problem}: {wanted!r}", where=f"audio.{direction}_device", remedy=f"choose one of: {names}"
    )


def _matches(able: list[AudioDevice], wanted: str | int | None, direction: Direction) -> list[AudioDevice]:
    if wanted is None:
        default = [d for d in able if (d.default_input if direction == "input" else d.default_output)]
        return (default or able)[:1]
    if isinstance(wanted, int):
        return [d for d in able if d.index == wanted]
    exact = [d for d in able if d.name == wanted]
    return exact or [d for d in able if wanted.casefold() in d.name.casefold()]
