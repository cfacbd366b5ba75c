"""From the wake word to the first sound and to Moshi, through PyAudio and a virtual sound card.

``python -m tests.bench.wake_latency`` says the wake word a few times. Times count from the moment at which
the last sample was captured that the detector needed, by the stamps of the speaker's own microphone.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from moshi_speaker.bench.engines import Ready
from moshi_speaker.bench.wake import (
    LISTEN_S,
    PARTS,
    PREROLL_S,
    Watch,
    WatchedDetector,
    WatchedDevice,
    WatchedEngine,
)
from moshi_speaker.events import StopRequested
from moshi_speaker.moshi.lm.layout import Q8
from moshi_speaker.moshi.synthetic import Recipe, write_checkpoint
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.daemon import Speaker
from moshi_speaker.speaker.parts import sound_device
from tests.room.soundcard import SoundCard, open_soundcard

WORD = Path(__file__).parents[2] / "daemon/moshi_speaker/data/hey_jarvis.wav"
HEARD_S = 8.0
"""Seconds after which a wake word counts as lost by the virtual sound card."""


@dataclass(frozen=True, slots=True)
class WakeFigures:
    """Milliseconds from a detection, one value for each wake word that was heard."""

    first_sound_ms: Sequence[float]
    """Until the first sample of the earcon is given to the device."""
    in_the_model_ms: Sequence[float]
    """Until the engine begins to compute the first frame of the pre-roll."""
    caught_up_ms: Sequence[float]
    """Until every frame that was captured so far is answered."""
    lost: int
    """Wake words that were not heard."""


def measure(rounds: int, model: Path | None = None) -> WakeFigures:
    """Say the wake word ``rounds`` times, with 1.5 s of pre-roll; without a model with a tiny one."""
    with tempfile.TemporaryDirectory(prefix="wake-") as name, open_soundcard() as card:
        os.environ.update(card.environment)
        if model is None:
            model = Path(name) / "model"
            write_checkpoint(model, Recipe(quantization=Q8))
        watch, lost = asyncio.run(_watch(model, card, rounds))
    first_sound, in_the_model, caught_up = (tuple(watch.times_ms[part]) for part in PARTS)
    return WakeFigures(first_sound, in_the_model, caught_up, lost)


async def _watch(model: Path, card: SoundCard, rounds: int) -> tuple[Watch, int]:
    settings = Settings.model_validate(
        {
            "model": {"source": str(model), "seed": 1},
            "conversation": {"preroll_s": PREROLL_S},
            "mqtt": {"enabled": False},
        }
    )
    watch = Watch(time.monotonic)
    ready: Ready = asyncio.get_running_loop().create_future()
    speaker = Speaker(
        settings,
        WatchedDevice(sound_device(settings, time.monotonic), watch),
        WatchedDetector(settings.wake, watch),
        lambda status: WatchedEngine(settings, status, ready, watch),
        time.monotonic,
    )
    running = asyncio.create_task(speaker.run())
    lost = 0
    try:
        await ready
        for _ in range(rounds):
            await asyncio.sleep(LISTEN_S)
            await asyncio.to_thread(card.speak, WORD)
            try:
                await asyncio.wait_for(watch.caught_up.wait(), HEARD_S)
            except TimeoutError:
                lost += 1
            watch.caught_up.clear()
            speaker.emit(StopRequested())
    finally:
        speaker.stop()
        await running
    return watch, lost


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="From the wake word to the first sound, and to Moshi.")
    parser.add_argument("--rounds", type=int, default=8, help="how often the wake word is said")
    parser.add_argument("--model", type=Path, help="a folder with another model")
    options = parser.parse_args()
    figures = measure(options.rounds, options.model)
    table = Table("from the detection to", "median ms", "min", "max", title=f"{figures.lost} words were lost")
    for part, times_ms in zip(
        ("the first sound", "the model", "being caught up"),
        (figures.first_sound_ms, figures.in_the_model_ms, figures.caught_up_ms),
        strict=True,
    ):
        if times_ms:
            values = (statistics.median(times_ms), min(times_ms), max(times_ms))
            table.add_row(part, *(f"{value:.0f}" for value in values))
    Console().print(table)


if __name__ == "__main__":
    main()
