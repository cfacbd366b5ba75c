"""What listening for the wake word costs: CPU and memory of ``moshi-speaker run`` while nobody talks to it.

``python -m tests.bench.idle`` runs the program as its user would, on a virtual sound card with a small
model, in rooms of different loudness, and reads what Linux counts of its processes.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.audio.wavfile import read_audio, write_wav
from moshi_speaker.moshi.lm.layout import Q8
from moshi_speaker.moshi.synthetic import Recipe, write_checkpoint
from tests.mosquitto import Mosquitto
from tests.room.house import Room, Section
from tests.room.soundcard import SoundCard, open_soundcard

SETTLE_S = 4.0
"""Seconds from readiness to the first look: what a start leaves behind is over."""
CLIPS = Path(__file__).parents[1] / "data" / "clips"
_TICKS = os.sysconf("SC_CLK_TCK")
_LOUDNESS = {"silence": None, "quiet": -60.0, "noise": -40.0}
"""Root mean square of a room's noise in dBFS; None is digital silence."""
ROOMS = (*_LOUDNESS, "speech")
"""Kinds of rooms: digital silence, a quiet room, a loud fan, and people who talk without a pause."""


@dataclass(frozen=True, slots=True)
class IdleFigures:
    """Costs of a speaker that waits for its wake word."""

    room: str
    """What there is to hear, of ``ROOMS``."""
    seconds: float
    """How long it was watched."""
    speaker_percent: float
    """CPU of the speaker's process, user and system, in percent of one core."""
    engine_percent: float
    """The same of the engine's process, whose model is loaded and has nothing to do."""
    threads: Mapping[str, float]
    """The speaker's threads (name and order of creation), in percent of one core."""
    speaker_rss_mb: float
    """Resident memory of the speaker's process, in megabytes."""
    engine_rss_mb: float

    @property
    def percent(self) -> float:
        """The whole daemon, in percent of one core."""
        return self.speaker_percent + self.engine_percent


def measure(seconds: float, room: str = "silence", *, own_broker: bool = False) -> IdleFigures:
    """Run a speaker and watch it for ``seconds``; with its own broker, or over mosquitto. Linux only."""
    mqtt: Section = {"host": None, "port": 0} if own_broker else {}
    audio: Section = {"zero_input_s": 0.0}
    with tempfile.TemporaryDirectory(prefix="idle-") as name, open_soundcard(hum=room != "silence") as card:
        folder = Path(name)
        write_checkpoint(folder / "model", Recipe(quantization=Q8))
        broker = Mosquitto(folder)
        broker.start()
        try:
            house = Room(folder, card, broker.port, folder / "model")
            with _sounding(card, folder, room), house.speaker(mqtt=mqtt, audio=audio) as speaker:
                speaker.program.stderr.expect("state idle")
                time.sleep(SETTLE_S)
                engine = speaker.program.engine
                return _watch(speaker.program.pid, engine, room, seconds)
        finally:
            broker.kill()


def _watch(pid: int, engine: int, room: str, seconds: float) -> IdleFigures:
    begin = time.monotonic()
    before = _cpu_s(pid), _cpu_s(engine), _threads_s(pid)
    time.sleep(seconds)
    after = _cpu_s(pid), _cpu_s(engine), _threads_s(pid)
    took = time.monotonic() - begin
    names = {key: 100.0 * (spent - before[2].get(key, 0.0)) / took for key, spent in after[2].items()}
    return IdleFigures(
        room=room,
        seconds=took,
        speaker_percent=100.0 * (after[0] - before[0]) / took,
        engine_percent=100.0 * (after[1] - before[1]) / took,
        threads=names,
        speaker_rss_mb=_rss_mb(pid),
        engine_rss_mb=_rss_mb(engine),
    )


@contextmanager
def _sounding(card: SoundCard, folder: Path, room: str) -> Iterator[None]:
    """Let the room sound as it shall, until the block ends."""
    sound = _scene(room)
    if sound is None:
        yield
        return
    path = folder / "room.wav"
    write_wav(path, sound)
    loop = 'while paplay --device=mic_in "$0"; do :; done'
    player = subprocess.Popen(["sh", "-c", loop, path], env=os.environ | card.environment)
    try:
        yield
    finally:
        player.terminate()
        player.wait()


def _scene(room: str) -> Samples | None:
    """Two minutes of sound, shape (n,), or None."""
    n = 120 * SAMPLE_RATE
    if room == "speech":
        return np.resize(read_audio(CLIPS / "not_wake.wav"), n)
    loudness = _LOUDNESS[room]
    if loudness is None:
        return None
    return (10 ** (loudness / 20) * np.random.default_rng(1).standard_normal(n)).astype(np.float32)


def _cpu_s(pid: int | str) -> float:
    """Seconds of CPU that a process, or ``PID/task/TID``, has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _threads_s(pid: int) -> dict[str, float]:
    """Seconds of CPU of every thread."""
    tasks = sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda folder: int(folder.name))
    return {
        f"{number} {(task / 'comm').read_text().strip()}": _cpu_s(f"{pid}/task/{task.name}")
        for number, task in enumerate(tasks)
    }


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What listening for the wake word costs.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to watch in each room")
    parser.add_argument("--room", choices=ROOMS, nargs="*", default=["silence"], help="what there is to hear")
    parser.add_argument("--own-broker", action="store_true", help="use the speaker's own MQTT broker")
    options = parser.parse_args()
    table = Table("room", "speaker %", "engine %", "speaker MB", "engine MB", "threads %", title="Listening")
    for room in options.room:
        idle = measure(options.seconds, room, own_broker=options.own_broker)
        threads = ", ".join(
            f"{name} {percent:.1f}" for name, percent in idle.threads.items() if percent > 0.05
        )
        table.add_row(
            room,
            f"{idle.speaker_percent:.1f}",
            f"{idle.engine_percent:.1f}",
            f"{idle.speaker_rss_mb:.0f}",
            f"{idle.engine_rss_mb:.0f}",
            threads,
        )
    Console().print(table)


if __name__ == "__main__":
    main()
