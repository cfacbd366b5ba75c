"""The microphone and the loudspeaker through PyAudio: the only module that knows PortAudio."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moshi_speaker.audio.callbacks import InputCallback, OutputCallback
from moshi_speaker.audio.defaults import Defaults, moved_default, system_defaults
from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.frames import BLOCK_SAMPLES, FRAME_SAMPLES, SAMPLE_RATE, Capture, Lost, Render
from moshi_speaker.audio.selection import AudioDevice, Direction, StreamForm, choose, forms
from moshi_speaker.errors import DeviceError

if TYPE_CHECKING:
    from pyaudio import PyAudio

STALL_SECONDS = 3.0
"""Seconds without a callback after which a stream counts as gone."""
_ROOM_BLOCKS = 2 if sys.platform == "linux" else 0
"""Blocks that fit into PortAudio's buffer on ALSA beside the one it gives: it counts this room as latency,
although nothing waits there while blocks are fetched in time (measured against another recorder)."""
_UNAVAILABLE = -9985
"""PortAudio's paDeviceUnavailable: somebody else has it."""
_REMEDY = "check that it is connected, not in use by another program, and that this user may use it"
_SHARE = "close that program, or let both use a sound server"
_WHAT: dict[Direction, str] = {"input": "microphone", "output": "loudspeaker"}


def list_devices() -> list[AudioDevice]:
    """The system's sound devices, an empty list if there are none. Raises DeviceError without PortAudio."""
    audio = _initialise()
    try:
        return _list(audio)
    finally:
        audio.terminate()


class PyAudioDevice:
    """Two callback streams, 24 kHz mono, converted where the hardware wants another rate.

    The loudspeaker asks for blocks of 20 ms; the microphone gives whole frames of 80 ms, or 20 ms converted.
    Methods block for a moment while PortAudio works; they may be called from any thread but a callback's.
    """

    def __init__(
        self,
        input_device: str | int | None,
        output_device: str | int | None,
        clock: Callable[[], float],
        *,
        defaults: Callable[[], Defaults | None] = system_defaults,
    ) -> None:
        """Devices by index or (part of the) name, None for the default; ``clock`` gives capture times.

        ``defaults`` says which devices are the system's defaults now, where PortAudio would not notice.
        """
        self._wanted = (input_device, output_device)
        self._clock = clock
        self._description = "the system's sound devices"
        self._lock = threading.Lock()
        self._audio: PyAudio | None = None
        self._input: _Stream | None = None
        self._output: _Stream | None = None
        self._open_input: Callable[[], _Stream] | None = None
        self._lost: Lost | None = None
        self._defaults = defaults
        self._defaults_then: Defaults | None = None
        self._defects = Defects()

    @property
    def defects(self) -> Defects:
        """What was wrong with the sound so far."""
        return self._defects

    @property
    def description(self) -> str:
        """What the user knows it by; exact once started."""
        return self._description

    def start(self, capture: Capture, render: Render, lost: Lost, *, capturing: bool = True) -> None:
        """Open both directions, or without ``capturing`` the loudspeaker alone. Raises DeviceError."""
        self.stop()
        with self._lock:
            self._audio = audio = _initialise()
            self._lost = lost
            try:
                self._open(audio, capture, render, capturing)
            except DeviceError:
                self._close()
                raise

    def set_capture(self, on: bool) -> None:
        """Open the microphone, or close it for good, so that the system shows that nobody listens."""
        with self._lock:
            if not on and self._input is not None:
                self._input.close()
                self._input = None
            elif on and self._input is None and self._open_input is not None:
                try:
                    self._input = self._open_input()
                except DeviceError as error:
                    self._report(str(error))

    def check(self, now: float) -> None:
        """Say ``lost`` if a stream ended, has not called back for 3 s, or is no longer the system's default.

        To be called every second or so.
        """
        with self._lock:
            troubles = [s.trouble(now) for s in (self._input, self._output) if s is not None]
            moved = moved_default(self._defaults_then, self._defaults(), self._wanted)
            for trouble in (*troubles, moved if troubles else None):
                if trouble is not None:
                    self._report(trouble)

    def stop(self) -> None:
        """Close both directions and let go of PortAudio. May be called twice."""
        with self._lock:
            self._close()

    def _open(self, audio: "PyAudio", capture: Capture, render: Render, capturing: bool) -> None:
        self._defaults_then = self._defaults()
        devices = _list(audio)
        microphone = choose(devices, self._wanted[0], "input")
        loudspeaker = choose(devices, self._wanted[1], "output")
        self._description = f"{microphone.name} / {loudspeaker.name}"

        def captured(form: StreamForm) -> InputCallback:
            return InputCallback(form, capture, self._clock, self._defects)

        def rendered(form: StreamForm) -> OutputCallback:
            return OutputCallback(form, render, self._clock, self._defects)

        self._open_input = lambda: _Stream(audio, microphone, "input", captured)
        self._output = _Stream(audio, loudspeaker, "output", rendered)
        if capturing:
            self._input = self._open_input()

    def _close(self) -> None:
        self._lost = self._open_input = None
        for stream in (self._input, self._output):
            if stream is not None:
                stream.close()
        self._input = self._output = None
        if self._audio is not None:
            self._audio.terminate()
            self._audio = None

    def _report(self, message: str) -> None:
        lost, self._lost = self._lost, None
        if lost is not None:
            lost(message)


class _Stream:
    """One open direction."""

    def __init__(
        self,
        audio: "PyAudio",
        device: AudioDevice,
        direction: Direction,
        callback_for: Callable[[StreamForm], InputCallback | OutputCallback],
    ) -> None:
        """Opens it in the best form that the device takes. Raises DeviceError.

        The device is not asked beforehand which those are: PyAudio's ``is_format_supported`` lets no other
        thread run until it returns, never if a sound server hangs. ``open`` does.
        """
        self._device = f"the {_WHAT[direction]} {device.name!r}"
        self._silence = "delivered" if direction == "input" else "taken"
        form, callback, self._stream = _opened(audio, device, direction, callback_for)
        self._callback = callback
        if direction == "input":
            room_s = _ROOM_BLOCKS * _block(form.rate, direction) / form.rate
            callback.latency_s = max(0.0, self._stream.get_input_latency() - room_s)
        else:
            callback.latency_s = max(0.0, self._stream.get_output_latency())

    def trouble(self, now: float) -> str | None:
        """In one line why it is of no use any more; None as long as it runs and calls back."""
        try:
            active = bool(self._stream.is_active())
        except OSError:
            active = False
        if not active:
            return f"{self._device} went away"
        quiet_s = now - self._callback.called_at
        if quiet_s < STALL_SECONDS:
            return None
        return f"{self._device} has {self._silence} nothing for {quiet_s:.1f} s"

    def close(self) -> None:
        """Call back no more, and let go of the device."""
        self._stream.close()


def _opened(
    audio: "PyAudio",
    device: AudioDevice,
    direction: Direction,
    callback_for: Callable[[StreamForm], InputCallback | OutputCallback],
) -> "tuple[StreamForm, InputCallback | OutputCallback, PyAudio.Stream]":
    """The first form that the device takes, and a stream in it. Raises DeviceError."""
    refusal: Exception | None = None
    for form in forms(device, direction):
        callback = callback_for(form)
        try:
            with _quiet():
                stream = audio.open(
                    rate=form.rate,
                    channels=form.channels,
                    format=_format(form),
                    frames_per_buffer=_block(form.rate, direction),
                    stream_callback=callback,
                    **{direction: True, f"{direction}_device_index": device.index},
                )
        except (ValueError, OSError) as error:
            refusal = error
            if _UNAVAILABLE in error.args:
                break
            continue
        return form, callback, stream
    raise _refused(device, direction, refusal) from refusal


def _block(rate: int, direction: Direction) -> int:
    """Samples at ``rate`` in one callback.

    Nothing is done before a frame is whole: to be called for less of it costs CPU and gains nothing. But
    a resampler gives back less than it takes, and the rest of a frame would come 80 ms late.
    """
    whole = direction == "input" and rate == SAMPLE_RATE
    return FRAME_SAMPLES if whole else BLOCK_SAMPLES * rate // SAMPLE_RATE


def _refused(device: AudioDevice, direction: Direction, error: Exception | None) -> DeviceError:
    what = _WHAT[direction]
    if error is not None and _UNAVAILABLE in error.args:
        return DeviceError(f"another program uses the {what}", where=device.name, remedy=_SHARE)
    return DeviceError(f"the {what} does not open", where=device.name, remedy=_REMEDY)


def _initialise() -> "PyAudio":
    try:
        from pyaudio import PyAudio
    except ImportError as error:
        raise DeviceError("PyAudio is not installed", remedy="install PortAudio and pyaudio") from error
    try:
        with _quiet():
            return PyAudio()
    except OSError as error:
        raise DeviceError(f"PortAudio does not start ({error})", remedy=_REMEDY) from error


def _list(audio: "PyAudio") -> list[AudioDevice]:
    default_input = _default_index(audio.get_default_input_device_info)
    default_output = _default_index(audio.get_default_output_device_info)
    infos = [audio.get_device_info_by_index(index) for index in range(audio.get_device_count())]
    return [
        AudioDevice(
            index=int(info["index"]),
            name=str(info["name"]),
            inputs=int(info["maxInputChannels"]),
            outputs=int(info["maxOutputChannels"]),
            default_input=info["index"] == default_input,
            default_output=info["index"] == default_output,
            rate=int(info["defaultSampleRate"]),
        )
        for info in infos
    ]


def _default_index(lookup: Callable[[], dict[str, int]]) -> int | None:
    try:
        return lookup()["index"]
    except OSError:
        return None


def _format(form: StreamForm) -> int:
    from pyaudio import paFloat32, paInt16

    return int(paInt16 if form.integers else paFloat32)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what ALSA and JACK print by themselves from the user, at the level of the file descriptor.

    It takes whatever any thread writes there meanwhile: the program prints elsewhere, see ``cli.console``.
    """
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
