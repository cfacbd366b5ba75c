"""Whether the speaker keeps up for a whole talk: minutes of it over a virtual sound card, codec at full size.

``python -m tests.bench.long_talk --minutes 10`` runs the program as its user would, has somebody talk
without a pause, and reads what the speaker says of itself over MQTT.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from moshi_speaker.audio.wavfile import read_audio, write_wav
from moshi_speaker.bench.models import FULL_CODEC
from moshi_speaker.moshi.synthetic import write_checkpoint
from tests.mosquitto import Mosquitto
from tests.room.house import Room, Speaker
from tests.room.soundcard import SoundCard, open_soundcard

CLIP = Path(__file__).parents[1] / "data" / "clips" / "not_wake.wav"
MARGIN_S = 90.0
"""Seconds in which the end of a talk is told, at the latest."""


@dataclass(frozen=True, slots=True)
class LongTalkFigures:
    """How a talk went."""

    seconds: float
    """From its start to its end."""
    reason: str
    """Why it ended: ``cap`` when it lasted as long as it should."""
    dropped: int
    """Frames that Moshi never heard."""
    reports: list[dict[str, Any]]
    """What the speaker told of the engine, every half minute."""


def measure(minutes: float, threads: int | None = None) -> LongTalkFigures:
    """Talk for so long, with a full-size random Mimi and the small language model.

    ``threads`` as in ``engine.threads``.
    """
    with tempfile.TemporaryDirectory(prefix="long-talk-") as name, open_soundcard() as card:
        folder = Path(name)
        write_checkpoint(folder / "model", FULL_CODEC)
        broker = Mosquitto(folder)
        broker.start()
        try:
            house = Room(folder, card, broker.port, folder / "model")
            length = {"max_conversation_s": 60.0 * minutes, "end_silence_s": 60.0 * minutes + MARGIN_S}
            engine = {"threads": threads}
            with house.speaker(conversation=length, engine=engine) as speaker, _talking(card, folder):
                return _watch(speaker, minutes)
        finally:
            broker.kill()


def _watch(speaker: Speaker, minutes: float) -> LongTalkFigures:
    witness = speaker.witness
    witness.expect("state", "idle")
    witness.send("conversation/set", "start")
    witness.expect("event/conversation", event_type="started")
    began = time.monotonic()
    ended = witness.expect(
        "event/conversation", event_type="ended", within_s=60.0 * minutes + MARGIN_S
    ).fields
    took = time.monotonic() - began
    witness.expect("state", "idle")
    reports = [heard.fields for heard in witness.heard if heard.topic == "diagnostics"]
    return LongTalkFigures(took, ended["reason"], int(reports[-1]["dropped_frames"]), reports)


@contextmanager
def _talking(card: SoundCard, folder: Path) -> Iterator[None]:
    """Somebody who talks without a pause, until the block ends."""
    path = folder / "talker.wav"
    write_wav(path, read_audio(CLIP))
    loop = 'while paplay --device=mic_in "$0"; do :; done'
    player = subprocess.Popen(["sh", "-c", loop, path], env=os.environ | card.environment)
    try:
        yield
    finally:
        player.terminate()
        player.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Whether the speaker keeps up for a whole talk.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to talk")
    parser.add_argument("--threads", type=int, help="of the BLAS; without it as the speaker chooses")
    asked = parser.parse_args()
    figures = measure(asked.minutes, asked.threads)
    table = Table("rtf", "p50 ms", "p95 ms", "p99 ms", "backlog", "dropped", title="A long talk")
    for report in figures.reports:
        latency = report.get("frame_latency_ms") or {}
        row = (report.get("rtf"), latency.get("p50"), latency.get("p95"), latency.get("p99"))
        table.add_row(*map(str, row), str(report.get("backlog")), str(report.get("dropped_frames")))
    console = Console()
    console.print(table)
    console.print(f"{figures.seconds:.0f} s, ended by {figures.reason}; {figures.dropped} frames dropped")


if __name__ == "__main__":
    main()
