"""Sound devices that come and go, twenty times each: when the speaker hears again, and what it keeps.

``python -m tests.bench.devices`` runs the program as its user would, on a virtual sound card with a small
model, and pulls out its microphone, kills its sound server, and changes the default microphone.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from moshi_speaker.moshi.lm.layout import Q8
from moshi_speaker.moshi.synthetic import Recipe, write_checkpoint
from tests.mosquitto import Mosquitto
from tests.room.house import Room
from tests.room.soundcard import open_soundcard
from tests.room.upheavals import UPHEAVALS, Load, Round, load_of


def measure(names: Sequence[str], rounds: int) -> tuple[dict[str, list[Round]], dict[str, Load]]:
    """Every upheaval so many times in a row; the loads at the begin and after each kind."""
    done: dict[str, list[Round]] = {}
    with tempfile.TemporaryDirectory(prefix="devices-") as name, open_soundcard() as card:
        folder = Path(name)
        write_checkpoint(folder / "model", Recipe(quantization=Q8))
        broker = Mosquitto(folder)
        broker.start()
        try:
            room = Room(folder, card, broker.port, folder / "model")
            with room.speaker() as speaker:
                speaker.witness.expect("state", "idle")
                loads = {"before": load_of(room, speaker)}
                for kind in names:
                    done[kind] = [UPHEAVALS[kind](room, speaker) for _ in range(rounds)]
                    loads[f"after {kind}"] = load_of(room, speaker)
        finally:
            broker.kill()
    return done, loads


def tables(done: dict[str, list[Round]], loads: dict[str, Load]) -> list[Table]:
    """What was found, for people."""
    times = Table(
        "upheaval", "rounds", "code", "error told s", "idle again s", "heard again s", title="Times"
    )
    for kind, rounds in done.items():
        told = [one.told_s for one in rounds if one.told_s is not None]
        codes = sorted({one.code or "none" for one in rounds})
        well, heard = [one.well_s for one in rounds], [one.heard_s for one in rounds]
        times.add_row(kind, str(len(rounds)), ", ".join(codes), _spread(told), _spread(well), _spread(heard))
    held = Table(
        "when", "threads", "open files", "streams", "RSS MB", title="What the speaker's process holds"
    )
    for when, load in loads.items():
        held.add_row(when, str(load.threads), str(load.files), str(load.streams), f"{load.rss_mb:.1f}")
    return [times, held]


def _spread(seconds: list[float]) -> str:
    """Least, median and most."""
    if not seconds:
        return "-"
    return f"{min(seconds):.2f} / {statistics.median(seconds):.2f} / {max(seconds):.2f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How soon the speaker hears again, least / median / most.")
    parser.add_argument("--rounds", type=int, default=20, help="how often in a row")
    parser.add_argument("--kinds", choices=list(UPHEAVALS), nargs="*", default=list(UPHEAVALS))
    options = parser.parse_args()
    console = Console()
    for table in tables(*measure(options.kinds, options.rounds)):
        console.print(table)


if __name__ == "__main__":
    main()
