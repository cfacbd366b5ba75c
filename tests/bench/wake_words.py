"""How well the wake word is heard and how little else wakes it; and what one more word costs.

``python -m tests.bench.wake_words`` takes a minute or two for an hour of other sound. It needs espeak-ng, and
for real voices the recordings beside the repository.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from moshi_speaker.settings import WakeSettings
from moshi_speaker.wake.auto import open_engine
from moshi_speaker.wake.detector import CHUNK_SAMPLES, Detector
from moshi_speaker.wake.policy import WakePolicy
from tests.wake.material import (
    MORE_VOICES,
    NEAR_WORDS,
    PIECE_S,
    VOICES,
    calls,
    others,
    pieces,
    silence,
    wakes,
)

WORD = "hey jarvis"
COST_WORDS = ("hey_jarvis", "alexa", "hey_mycroft", "hey_rhasspy")
COST_CHUNKS = 1_000


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of some sounds of one kind."""

    wakes: int
    near_misses: int
    sounds: int
    """How many calls, or pieces."""


def detector(settings: WakeSettings, *, guarded: bool = False) -> Detector:
    """A detector as the settings ask for."""
    made = Detector(open_engine(settings), WakePolicy.from_settings(settings))
    made.guarded = guarded
    return made


def hear_calls(
    settings: WakeSettings, text: str, voices: tuple[str, ...], seed: int, *, guarded: bool = False
) -> Heard:
    """Somebody calls, each time as the first after a start."""
    heard, near_misses, said = 0, 0, calls(text, voices, seed)
    for call in said:
        one = detector(settings, guarded=guarded)
        heard += bool(wakes(one, call.sound))
        near_misses += one.statistics.near_misses
        one.close()
    return Heard(heard, near_misses, len(said))


def hear_others(settings: WakeSettings, seconds: float, seed: int) -> dict[str, Heard]:
    """So much other sound, as much of each kind; without a pause, but for a new start for each kind."""
    kinds = others()
    found = {}
    for name, kind in kinds.items():
        one, woken, at = detector(settings), 0, 0
        for piece in pieces(kind, seconds / len(kinds), seed):
            woken += len(wakes(one, piece, at * PIECE_S))
            at += 1
        wakes(one, silence(1.0), at * PIECE_S)
        found[name] = Heard(woken, one.statistics.near_misses, at)
        one.close()
    return found


def cost_ms(words: tuple[str, ...]) -> float:
    """Milliseconds of CPU for a chunk of 80 ms; the best of five rounds."""
    engine = open_engine(WakeSettings.model_validate({"words": words}))
    sound = np.random.default_rng(0).integers(-2_000, 2_000, (COST_CHUNKS, CHUNK_SAMPLES)).astype(np.int16)
    rounds = []
    for _ in range(5):
        began = time.thread_time()
        for chunk in sound:
            engine.scores(chunk)
        rounds.append((time.thread_time() - began) / COST_CHUNKS * 1_000.0)
    engine.close()
    return min(rounds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Wake words: heard, mistaken, and what they cost.")
    parser.add_argument("--minutes", type=float, default=60.0, help="how much other sound")
    parser.add_argument("--threshold", type=float, default=WakeSettings().threshold)
    parser.add_argument("--patience", type=int, default=WakeSettings().patience)
    parser.add_argument("--seed", type=int, default=0, help="another one, other noise and other pieces")
    options = parser.parse_args()
    settings = WakeSettings(threshold=options.threshold, patience=options.patience)
    console = Console()
    console.print(f"threshold {settings.threshold}, patience {settings.patience}")
    heard = Table("said", "voices", "wakes", "of", "on guard", "near misses")
    for text, voices in ((WORD, VOICES), (WORD, MORE_VOICES), *((word, VOICES) for word in NEAR_WORDS)):
        open_ = hear_calls(settings, text, voices, options.seed)
        guarded = hear_calls(settings, text, voices, options.seed, guarded=True)
        figures = (len(voices), open_.wakes, open_.sounds, guarded.wakes, open_.near_misses)
        heard.add_row(text, *map(str, figures))
    console.print(heard)
    mistaken = Table("other sound", "minutes", "wakes", "near misses")
    for kind, found in hear_others(settings, options.minutes * 60.0, options.seed).items():
        minutes = f"{found.sounds * PIECE_S / 60.0:.1f}"
        mistaken.add_row(kind, minutes, str(found.wakes), str(found.near_misses))
    console.print(mistaken)
    costs = Table("words", "ms of CPU for 80 ms")
    for number in range(1, len(COST_WORDS) + 1):
        costs.add_row(str(number), f"{cost_ms(COST_WORDS[:number]):.3f}")
    console.print(costs)


if __name__ == "__main__":
    main()
