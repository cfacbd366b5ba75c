"""A sound card without a sound card: a private PulseAudio with a virtual microphone and loudspeaker.

What is played into the sink ``mic_in`` is heard at the source ``mic``; what a program plays arrives in the
sink ``speaker``, whose monitor can be recorded. A faint hum keeps the microphone alive, as in a real room:
nobody takes digital silence for a room. Needs PulseAudio, its utilities, and ALSA's pulse plugin.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

RATE = 24_000
HUM_HZ = 50
HUM_DB = -66
"""Loudness of the hum, relative to full scale."""
_MODULES = (
    "module-native-protocol-unix auth-anonymous=1 socket={folder}/socket",
    "module-null-sink sink_name=mic_in rate=24000 channels=1 norewinds=1",
    "module-null-sink sink_name=speaker rate=24000 channels=1 norewinds=1",
)
_FORM = ("rate=24000", "channels=1", "norewinds=1")
_LATENCY_MSEC = "150"
"""With 40 ms, playback through ALSA's pulse plugin stalled for good on a machine that was busy."""
_ALSA = "pcm.!default { type pulse }\nctl.!default { type pulse }\n"


class SoundCard:
    """The virtual sound card and the environment in which a program finds it."""

    def __init__(self, folder: Path, *, hum: bool = True) -> None:
        """The server is not yet started; it keeps its files in ``folder``."""
        self.folder = folder
        self.pid = 0
        """Process id of the server."""
        self._hum = hum
        self._microphones: dict[str, str] = {}
        """Module of each one."""

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

    def start(self) -> None:
        """Start the server, at first or again; programs find it where it was."""
        command = ["pulseaudio", "-n", "--daemonize=yes", "--exit-idle-time=-1", "--use-pid-file=yes"]
        command += ["--log-level=error", f"--log-target=file:{self.folder}/log", "--disable-shm=yes"]
        for module in _MODULES:
            command += ["--load", module.format(folder=self.folder)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PULSE_", "ALSA_", "DBUS_"))}
        environment |= {"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder)}
        subprocess.run(command, env=environment, check=True, timeout=20, stderr=subprocess.DEVNULL)
        self.pid = int((self.folder / "pulse" / "pid").read_text())
        self._control("set-default-sink", "speaker")
        self._sound_of_the_room("mic_in")
        self.plug("mic")
        self.prefer("mic")

    def plug(self, microphone: str) -> None:
        """Connect the microphone ``mic``, or another one, at which nothing is heard but the hum."""
        master = "mic_in"
        if microphone != "mic":
            master = f"{microphone}_in"
            self._control("load-module", "module-null-sink", f"sink_name={master}", *_FORM)
            self._sound_of_the_room(master)
        arguments = (f"source_name={microphone}", f"master={master}.monitor")
        self._microphones[microphone] = self._control("load-module", "module-virtual-source", *arguments)

    def unplug(self, microphone: str) -> None:
        """Disconnect a microphone: the server gives those who listened to it another source."""
        self._control("unload-module", self._microphones.pop(microphone))

    def prefer(self, microphone: str) -> None:
        """Make it the default."""
        self._control("set-default-source", microphone)

    def speak(self, path: Path, microphone: str = "mic") -> None:
        """Play a WAV file into the microphone and wait until it is over."""
        command = ["paplay", f"--device={microphone}_in", str(path)]
        subprocess.run(command, env=self._whole_environment(), check=True, timeout=60)

    @contextmanager
    def speaking(self, path: Path, microphone: str = "mic") -> Iterator[None]:
        """Play a WAV file into the microphone meanwhile, as far as the server plays it."""
        command = ["paplay", f"--device={microphone}_in", str(path)]
        player = subprocess.Popen(command, env=self._whole_environment(), stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            player.terminate()
            player.wait(timeout=10)

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

    def streams(self, pid: int) -> int:
        """How many streams a process has at the server, in both directions."""
        lists = [self._control("list", kind) for kind in ("sink-inputs", "source-outputs")]
        return sum(text.count(f'application.process.id = "{pid}"') for text in lists)

    def crash(self) -> None:
        """Kill the server: every program loses its sound card."""
        self._microphones.clear()
        _end(self.pid, (signal.SIGKILL,))
        # Where nobody collects dead processes, the next server would believe that this one lives.
        (self.folder / "pulse" / "pid").unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let the server stand still, as one does that hangs."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on. May be called twice."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End the server."""
        _end(self.pid, (signal.SIGTERM, signal.SIGKILL))

    def _sound_of_the_room(self, sink: str) -> None:
        if not self._hum:
            return
        module = self._control("load-module", "module-sine", f"sink={sink}", f"frequency={HUM_HZ}")
        inputs = self._control("list", "sink-inputs").split("Sink Input #")
        (hum,) = [text.split(maxsplit=1)[0] for text in inputs if f"Owner Module: {module}\n" in text]
        self._control("set-sink-input-volume", hum, f"{HUM_DB}dB")

    def _control(self, *command: str) -> str:
        found = subprocess.run(
            ["pactl", *command],
            env=self._whole_environment() | {"LC_ALL": "C"},
            check=True,
            timeout=20,
            capture_output=True,
            text=True,
        )
        return found.stdout.strip()

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
def open_soundcard(*, hum: bool = True) -> Iterator[SoundCard]:
    """Start the server in a folder of its own; it and everything it left are gone afterwards."""
    require()
    with tempfile.TemporaryDirectory(prefix="soundcard-") as name:
        folder = Path(name)
        (folder / "asound.conf").write_text(
            f"{'</usr/share/alsa/alsa.conf>' if Path('/usr/share/alsa/alsa.conf').exists() else ''}\n{_ALSA}"
        )
        card = SoundCard(folder, hum=hum)
        try:
            card.start()
            yield card
        finally:
            card.stop()


def _end(pid: int, orders: Sequence[signal.Signals]) -> None:
    if not pid:
        return
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for order in orders:
            signal.pidfd_send_signal(handle, order)
            if select.select([handle], [], [], 5)[0]:
                return
    except ProcessLookupError:
        return
    finally:
        os.close(handle)
