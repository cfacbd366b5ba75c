"""A sound card without a sound card: a private PulseAudio with a virtual microphone and loudspeaker.

What is played into the sink ``mic_in`` is heard at the source ``mic``; what a program plays arrives in the
sink ``speaker``, whose monitor can be recorded. Needs PulseAudio, its utilities, and ALSA's pulse plugin.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

RATE = 24_000
_MODULES = (
    "module-native-protocol-unix auth-anonymous=1 socket={folder}/socket",
    "module-null-sink sink_name=mic_in rate=24000 channels=1 norewinds=1",
    "module-null-sink sink_name=speaker rate=24000 channels=1 norewinds=1",
    "module-virtual-source source_name=mic master=mic_in.monitor",
)
_LATENCY_MSEC = "150"
"""With 40 ms, playback through ALSA's pulse plugin stalled for good on a machine that was busy."""
_ALSA = "pcm.!default { type pulse }\nctl.!default { type pulse }\n"


@dataclass(frozen=True)
class SoundCard:
    """The virtual sound card and the environment in which a program finds it."""

    folder: Path
    pid: int
    """Process id of the server."""

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs beside its own environment."""
        return {
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder),
            "PULSE_SERVER": f"unix:{self.folder}/socket",
            "PULSE_LATENCY_MSEC": _LATENCY_MSEC,
            "ALSA_CONFIG_PATH": f"{self.folder}/asound.conf",
        }

    def speak(self, path: Path) -> None:
        """Play a WAV file into the microphone and wait until it is over."""
        subprocess.run(
            ["paplay", "--device=mic_in", str(path)], env=self._whole_environment(), check=True, timeout=60
        )

    @contextmanager
    def recording(self, path: Path) -> Iterator[None]:
        """Record what the loudspeaker plays meanwhile to a file of raw float32 at 24 kHz, but its start."""
        command = [
            "parec",
            "--device=speaker.monitor",
            "--format=float32le",
            f"--rate={RATE}",
            "--channels=1",
        ]
        with path.open("wb") as file:
            recorder = subprocess.Popen(
                [*command, "--latency-msec=40"], stdout=file, env=self._whole_environment()
            )
            try:
                yield
            finally:
                recorder.send_signal(signal.SIGTERM)
                recorder.wait(timeout=10)

    def unplug(self) -> None:
        """Kill the server: every program loses its sound card."""
        os.kill(self.pid, signal.SIGKILL)

    def _whole_environment(self) -> dict[str, str]:
        return os.environ | self.environment


def read_recording(path: Path) -> NDArray[np.float32]:
    """What ``recording`` wrote, shape (n,)."""
    data = path.read_bytes()
    return np.frombuffer(data[: len(data) // 4 * 4], np.float32)


def require() -> None:
    """Skip the test where no virtual sound card can be; fail it where only a program is missing."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the virtual sound card needs Linux")
    if shutil.which("pulseaudio") is None and shutil.which("pipewire") is not None:
        pytest.skip("PipeWire has taken the place of PulseAudio, which the virtual sound card needs")
    missing = [name for name in ("pulseaudio", "pactl", "paplay", "parec") if shutil.which(name) is None]
    if missing:
        pytest.fail(f"not installed: {', '.join(missing)}; make test installs them")


@contextmanager
def open_soundcard() -> Iterator[SoundCard]:
    """Start the server in a folder of its own; it and everything it left are gone afterwards."""
    require()
    with tempfile.TemporaryDirectory(prefix="soundcard-") as name:
        folder = Path(name)
        (folder / "asound.conf").write_text(
            f"{'</usr/share/alsa/alsa.conf>' if Path('/usr/share/alsa/alsa.conf').exists() else ''}\n{_ALSA}"
        )
        card = SoundCard(folder, pid=0)
        command = ["pulseaudio", "-n", "--daemonize=yes", "--exit-idle-time=-1", "--use-pid-file=yes"]
        command += ["--log-level=error", f"--log-target=file:{folder}/log", "--disable-shm=yes"]
        for module in _MODULES:
            command += ["--load", module.format(folder=folder)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PULSE_", "ALSA_", "DBUS_"))}
        environment |= {"HOME": name, "XDG_RUNTIME_DIR": name}
        subprocess.run(command, env=environment, check=True, timeout=20, stderr=subprocess.DEVNULL)
        pid = int((folder / "pulse" / "pid").read_text())
        card = SoundCard(folder, pid)
        try:
            for kind, device in (("sink", "speaker"), ("source", "mic")):
                subprocess.run(
                    ["pactl", f"set-default-{kind}", device], env=os.environ | card.environment, check=True
                )
            yield card
        finally:
            _end(pid)


def _end(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for order in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(handle, order)
            if select.select([handle], [], [], 5)[0]:
                return
    except ProcessLookupError:
        return
    finally:
        os.close(handle)
