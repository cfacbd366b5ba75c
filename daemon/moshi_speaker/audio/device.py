"""The microphone and the loudspeaker through PyAudio: the only module that knows PortAudio."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moshi_speaker.audio.callbacks import InputCallback, OutputCallback
from moshi_speaker.audio.frames import BLOCK_SAMPLES, FRAME_SAMPLES, SAMPLE_RATE, Capture, Lost, Render
from moshi_speaker.audio.selection import AudioDevice, Direction, choose
from moshi_speaker.errors import DeviceError

if TYPE_CHECKING:
    from pyaudio import PyAudio

STALL_SECONDS = 3.0
"""Seconds without a callback after which a stream counts as gone."""
_ROOM_BLOCKS = 2 if sys.platform == "linux" else 0
"""Blocks that fit into PortAudio's buffer on ALSA beside the one it gives: it counts this room as latency,
although nothing waits there while blocks are fetched in time (measured against another recorder)."""
_REMEDY = "check that it is connected, not in use by another program, and that this user may use it"


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
        self, input_device: str | int | None, output_device: str | int | None, clock: Callable[[], float]
    ) -> None:
        """Devices by index or (part of the) name, None for the default; ``clock`` gives capture times."""
        self._wanted = (input_device, output_device)
        self._clock = clock
        self._description = "the system's sound devices"
        self._lock = threading.Lock()
        self._audio: PyAudio | None = None
        self._input: _Stream | None = None
        self._output: _Stream | None = None
        self._open_input: Callable[[], _Stream] | None = None
        self._lost: Lost | None = None

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
        """Say ``lost`` if a stream ended or has not called back for 3 s; to be called every second or so."""
        with self._lock:
            for stream in (self._input, self._output):
                if stream is not None and not stream.alive(now):
                    self._report(f"{stream.name}: the sound device went away")

    def stop(self) -> None:
        """Close both directions and let go of PortAudio. May be called twice."""
        with self._lock:
            self._close()

    def _open(self, audio: "PyAudio", capture: Capture, render: Render, capturing: bool) -> None:
        devices = _list(audio)
        microphone = choose(devices, self._wanted[0], "input")
        loudspeaker = choose(devices, self._wanted[1], "output")
        self._description = f"{microphone.name} / {loudspeaker.name}"
        self._open_input = lambda: _open_input(audio, microphone, capture, self._clock)
        self._output = _open_output(audio, loudspeaker, render, self._clock)
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
        form: tuple[int, int],
        callback: InputCallback | OutputCallback,
    ) -> None:
        """``form`` is rate and channels, as the device takes them."""
        self.name = device.name
        self._callback = callback
        try:
            with _quiet():
                self._stream = audio.open(
                    rate=form[0],
                    channels=form[1],
                    format=_float32(),
                    frames_per_buffer=_block(form[0], direction),
                    stream_callback=callback,
                    **{direction: True, f"{direction}_device_index": device.index},
                )
        except OSError as error:
            raise _refused(device, direction) from error
        if isinstance(callback, InputCallback):
            block_s = _block(form[0], direction) / form[0]
            callback.latency_s = max(0.0, self._stream.get_input_latency() - _ROOM_BLOCKS * block_s)
        else:
            callback.latency_s = max(0.0, self._stream.get_output_latency())

    def alive(self, now: float) -> bool:
        """Whether it runs, and has called back lately."""
        try:
            return bool(self._stream.is_active()) and now - self._callback.called_at < STALL_SECONDS
        except OSError:
            return False

    def close(self) -> None:
        """Call back no more, and let go of the device."""
        self._stream.close()


def _open_input(
    audio: "PyAudio", device: AudioDevice, capture: Capture, clock: Callable[[], float]
) -> _Stream:
    form = _form(audio, device, "input")
    return _Stream(audio, device, "input", form, InputCallback(*form, capture, clock))


def _open_output(
    audio: "PyAudio", device: AudioDevice, render: Render, clock: Callable[[], float]
) -> _Stream:
    form = _form(audio, device, "output")
    return _Stream(audio, device, "output", form, OutputCallback(*form, render, clock))


def _form(audio: "PyAudio", device: AudioDevice, direction: Direction) -> tuple[int, int]:
    """The first of our own rate, the device's rate, and that in stereo, that the device takes."""
    for rate, channels in ((SAMPLE_RATE, 1), (device.rate, 1), (device.rate, 2)):
        wanted = {f"{direction}_device": device.index, f"{direction}_channels": channels}
        try:
            with _quiet():
                audio.is_format_supported(rate, **wanted, **{f"{direction}_format": _float32()})
        except ValueError:
            continue
        return rate, channels
    raise _refused(device, direction)


def _block(rate: int, direction: Direction) -> int:
    """Samples at ``rate`` in one callback.

    Nothing is done before a frame is whole: to be called for less of it costs CPU and gains nothing. But
    a resampler gives back less than it takes, and the rest of a frame would come 80 ms late.
    """
    whole = direction == "input" and rate == SAMPLE_RATE
    return FRAME_SAMPLES if whole else BLOCK_SAMPLES * rate // SAMPLE_RATE


def _refused(device: AudioDevice, direction: Direction) -> DeviceError:
    what = "microphone" if direction == "input" else "loudspeaker"
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


def _float32() -> int:
    from pyaudio import paFloat32

    return int(paFloat32)


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
