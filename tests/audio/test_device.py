"""The PyAudio device over a PortAudio of our own; the real one is tested in tests/room."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from moshi_speaker.audio.defaults import Defaults
from moshi_speaker.audio.device import PyAudioDevice, list_devices
from moshi_speaker.audio.frames import SAMPLE_RATE, Device, Samples
from moshi_speaker.errors import DeviceError


class FakeStream:
    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options
        self.active = True
        self.closed = False

    def get_input_latency(self) -> float:
        return FakePortAudio.latency_s

    def get_output_latency(self) -> float:
        return FakePortAudio.latency_s

    def is_active(self) -> bool:
        if self.closed:
            raise OSError("Stream closed")
        return self.active

    def close(self) -> None:
        self.closed = True


class FakePortAudio(ModuleType):
    """As much of PyAudio as the device uses; ``rates`` are those the hardware takes."""

    paFloat32 = 1
    paInt16 = 8
    latency_s = 0.16

    def __init__(self) -> None:
        super().__init__("pyaudio")
        self.names = ["Mic", "Speaker"]
        self.rates = [(SAMPLE_RATE, 1)]
        self.integers = False
        """The hardware takes nothing but integers."""
        self.channels = 2
        """What the microphone and the loudspeaker have."""
        self.streams: list[FakeStream] = []
        self.busy = False
        self.initialised = 0

    def PyAudio(self) -> "FakePortAudio":
        self.initialised += 1
        return self

    def terminate(self) -> None:
        self.initialised -= 1

    def get_device_count(self) -> int:
        return len(self.names)

    def get_device_info_by_index(self, index: int) -> dict[str, Any]:
        microphone = self.names[index] == "Mic"
        return {
            "index": index,
            "name": self.names[index],
            "maxInputChannels": self.channels if microphone else 0,
            "maxOutputChannels": 0 if microphone else self.channels,
            "defaultSampleRate": 44100.0,
        }

    def get_default_input_device_info(self) -> dict[str, Any]:
        return self._default("Mic")

    def get_default_output_device_info(self) -> dict[str, Any]:
        return self._default("Speaker")

    def _default(self, name: str) -> dict[str, Any]:
        if name not in self.names:
            raise OSError("No Default Device Available")
        return self.get_device_info_by_index(self.names.index(name))

    def is_format_supported(self, rate: int, **options: int) -> bool:
        raise AssertionError("the real one stops all of Python while a sound server hangs")

    def open(self, **options: Any) -> FakeStream:  # noqa: ANN401
        if self.busy:
            raise OSError(-9985, "Device unavailable")
        unable = self.integers and options["format"] != self.paInt16
        if (options["rate"], options["channels"]) not in self.rates or unable:
            raise OSError(-9997, "Invalid sample rate")
        self.streams.append(FakeStream(options))
        return self.streams[-1]


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio()
    monkeypatch.setitem(sys.modules, "pyaudio", fake)
    return fake


def silence(n: int, at: float) -> Samples:
    return np.zeros(n, np.float32)


def ignore(samples: Samples, at: float) -> None:
    pass


def nobody(message: str) -> None:
    pass


def started(lost: Callable[[str], None] = nobody) -> Device:
    device: Device = PyAudioDevice(None, None, lambda: 10.0)
    device.start(ignore, silence, lost)
    return device


def test_both_directions_open_at_our_rate_and_the_microphone_in_whole_frames(
    portaudio: FakePortAudio,
) -> None:
    device = started()
    assert device.description == "Mic / Speaker"
    forms = [
        (s.options["rate"], s.options["channels"], s.options["frames_per_buffer"]) for s in portaudio.streams
    ]
    assert forms == [(24_000, 1, 480), (24_000, 1, 1_920)]
    assert [s.options.get("input_device_index") for s in portaudio.streams] == [None, 0]
    assert [s.options.get("output_device_index") for s in portaudio.streams] == [1, None]
    device.stop()
    assert all(stream.closed for stream in portaudio.streams)
    assert portaudio.initialised == 0


@pytest.mark.parametrize(("told_s", "begin"), [(0.16, 9.92), (0.26, 9.82), (0.0, 9.92)])
def test_the_room_in_the_buffer_is_no_latency(
    portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch, told_s: float, begin: float
) -> None:
    monkeypatch.setattr(FakePortAudio, "latency_s", told_s)
    times: list[float] = []
    device = PyAudioDevice(None, None, lambda: 10.0)
    device.start(lambda samples, at: times.append(at), silence, nobody)
    portaudio.streams[1].options["stream_callback"](bytes(1_920 * 4), 1_920, {}, 0)
    assert times == [pytest.approx(begin)]
    device.stop()


@pytest.mark.parametrize("channels", [1, 2])
def test_hardware_that_refuses_our_rate_opens_at_its_own(portaudio: FakePortAudio, channels: int) -> None:
    portaudio.rates = [(44_100, channels)]
    device = started()
    forms = [
        (s.options["rate"], s.options["channels"], s.options["frames_per_buffer"]) for s in portaudio.streams
    ]
    assert forms == [(44_100, channels, 882)] * 2
    data, _ = portaudio.streams[0].options["stream_callback"](None, 882, {}, 0)
    assert len(data) == 882 * channels * 4
    device.stop()


@pytest.mark.parametrize("rate", [48_000, 16_000, 8_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_hardware_that_refuses_its_own_rate_opens_at_a_usual_one(
    portaudio: FakePortAudio, rate: int, channels: int
) -> None:
    portaudio.rates, portaudio.channels = [(rate, channels)], 6
    device = started()
    assert [(s.options["rate"], s.options["channels"]) for s in portaudio.streams] == [(rate, channels)] * 2
    device.stop()


def test_hardware_that_takes_integers_alone_gets_them(portaudio: FakePortAudio) -> None:
    portaudio.integers = True
    heard: list[Samples] = []
    device = PyAudioDevice(None, None, lambda: 10.0)
    device.start(lambda samples, at: heard.append(samples), silence, nobody)
    assert [s.options["format"] for s in portaudio.streams] == [portaudio.paInt16] * 2
    portaudio.streams[1].options["stream_callback"](b"\x00\x40" * 1_920, 1_920, {}, 0)
    assert heard[0].tolist() == [0.5] * 1_920
    device.stop()


def test_hardware_that_refuses_everything_is_named(portaudio: FakePortAudio) -> None:
    portaudio.rates = []
    with pytest.raises(DeviceError, match="Speaker: the loudspeaker does not open; check"):
        started()
    assert portaudio.initialised == 0


def test_a_busy_device_is_named(portaudio: FakePortAudio) -> None:
    portaudio.busy = True
    busy = "Speaker: another program uses the loudspeaker; close that program, or let both"
    with pytest.raises(DeviceError, match=busy) as caught:
        started()
    assert caught.value.exit_code == 69
    assert portaudio.initialised == 0


def test_no_microphone(portaudio: FakePortAudio) -> None:
    portaudio.names = ["Speaker"]
    assert [device.name for device in list_devices()] == ["Speaker"]
    with pytest.raises(DeviceError, match="there is no microphone; connect one"):
        started()
    portaudio.names = []
    assert list_devices() == []
    assert portaudio.initialised == 0


def test_no_pyaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    with pytest.raises(DeviceError, match="PyAudio is not installed; install"):
        list_devices()


def test_muting_closes_the_microphone_only(portaudio: FakePortAudio) -> None:
    lost: list[str] = []
    device = started(lost.append)
    speaker, microphone = portaudio.streams
    device.set_capture(False)
    device.set_capture(False)
    assert microphone.closed
    assert not speaker.closed
    device.check(10.0)
    device.set_capture(True)
    device.set_capture(True)
    assert len(portaudio.streams) == 3
    assert not lost
    device.stop()
    device.set_capture(True)
    assert len(portaudio.streams) == 3


def test_a_muted_start_never_opens_the_microphone(portaudio: FakePortAudio) -> None:
    device: Device = PyAudioDevice(None, None, lambda: 10.0)
    device.start(ignore, silence, nobody, capturing=False)
    (speaker,) = portaudio.streams
    assert speaker.options["output"]
    device.set_capture(True)
    assert portaudio.streams[1].options["input"]
    device.stop()


def test_a_microphone_that_does_not_come_back_is_lost(portaudio: FakePortAudio) -> None:
    lost: list[str] = []
    device = started(lost.append)
    device.set_capture(False)
    portaudio.busy = True
    device.set_capture(True)
    assert len(lost) == 1
    assert lost[0].startswith("Mic: another program uses the microphone; close")
    device.stop()


@pytest.mark.parametrize("index", [0, 1])
def test_a_stream_that_ended_is_lost_once(portaudio: FakePortAudio, index: int) -> None:
    lost: list[str] = []
    device = started(lost.append)
    portaudio.streams[index].active = False
    device.check(10.0)
    device.check(11.0)
    assert lost == [["the loudspeaker 'Speaker' went away", "the microphone 'Mic' went away"][index]]
    device.stop()
    device.check(99.0)
    assert len(lost) == 1


def test_silence_of_the_callbacks_is_noticed_after_three_seconds(portaudio: FakePortAudio) -> None:
    lost: list[str] = []
    device = started(lost.append)
    device.check(12.9)
    assert not lost
    device.check(13.1)
    assert lost == ["the microphone 'Mic' has delivered nothing for 3.1 s"]
    device.stop()


def test_it_may_be_opened_again_after_a_loss(portaudio: FakePortAudio) -> None:
    lost: list[str] = []
    device = started(lost.append)
    portaudio.streams[0].active = False
    device.check(10.0)
    device.start(ignore, silence, lost.append)
    device.check(10.0)
    assert len(lost) == 1
    assert portaudio.initialised == 1
    device.stop()
    assert portaudio.initialised == 0


def test_defects_are_counted_over_all_streams_of_a_device(portaudio: FakePortAudio) -> None:
    device = started()
    loud = np.ones(1_920, np.float32).tobytes()
    portaudio.streams[1].options["stream_callback"](loud, 1_920, {}, 0)
    device.start(ignore, silence, nobody)
    portaudio.streams[3].options["stream_callback"](loud, 1_920, {}, 0)
    assert device.defects.clipped_samples == 2 * 1_920
    device.stop()


BEFORE = Defaults(input_id=5, input_rate=48_000.0, output_id=6, output_rate=48_000.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_id": 7}, "the system's default microphone is another one now"),
        ({"output_id": 7}, "the system's default loudspeaker is another one now"),
        ({"input_rate": 16_000.0}, "the sample rate of the system's default microphone changed"),
        ({"output_rate": 44_100.0}, "the sample rate of the system's default loudspeaker changed"),
    ],
)
def test_another_default_of_the_system_is_noticed_unless_the_user_chose_a_device(
    portaudio: FakePortAudio, change: dict[str, Any], message: str
) -> None:
    now = BEFORE
    lost: list[str] = []
    ours = PyAudioDevice(None, None, lambda: 10.0, defaults=lambda: now)
    theirs = PyAudioDevice("Mic", "Speaker", lambda: 10.0, defaults=lambda: now)
    for device in (ours, theirs):
        device.start(ignore, silence, lost.append)
        device.check(10.0)
    assert not lost
    now = replace(BEFORE, **change)
    theirs.check(11.0)
    assert not lost
    ours.check(11.0)
    assert lost == [message]
    ours.start(ignore, silence, lost.append)
    ours.check(12.0)
    assert lost == [message]
    ours.stop()
    theirs.stop()
