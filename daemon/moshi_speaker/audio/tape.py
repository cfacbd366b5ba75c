"""A device with a tape recorder at its loudspeaker."""

from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.frames import SAMPLE_RATE, Capture, Device, Lost, Render, Samples
from moshi_speaker.audio.room import Recording

LIMIT_S = 900.0
"""Seconds of sound that are kept."""


class Tape:
    """A device that keeps what is played."""

    def __init__(self, device: Device) -> None:
        """Takes over the device."""
        self._device = device
        self._recording = Recording(round(LIMIT_S * SAMPLE_RATE))

    @property
    def description(self) -> str:
        """That of the device."""
        return self._device.description

    @property
    def defects(self) -> Defects:
        """Those of the device."""
        return self._device.defects

    @property
    def played(self) -> Samples:
        """What has been played, shape (n,)."""
        return self._recording.sound()

    def start(self, capture: Capture, render: Render, lost: Lost, *, capturing: bool = True) -> None:
        """Open the device."""

        def keep(n: int, at: float) -> Samples:
            samples = render(n, at)
            self._recording.add(samples)
            return samples

        self._device.start(capture, keep, lost, capturing=capturing)

    def set_capture(self, on: bool) -> None:
        """As the device does."""
        self._device.set_capture(on)

    def check(self, now: float) -> None:
        """As the device does."""
        self._device.check(now)

    def stop(self) -> None:
        """Close the device."""
        self._device.stop()
