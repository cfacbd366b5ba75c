"""Ours against everybody else's: the same weights, the same input, in turns, in one session.

``python tests/bench/peers/compare.py`` makes the environments of the peers at its first run.
"""

import argparse
import sys
import wave
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[3]))

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from moshi_speaker.bench.report import OURS, read_times
from moshi_speaker.cli import INTERRUPTED
from moshi_speaker.errors import SpeakerError
from tests.bench.peers import findings
from tests.bench.peers.alternation import Session, alternate
from tests.bench.peers.contestants import CODECS, LANGUAGE_MODELS, ROOT, THE_MACHINE
from tests.bench.peers.environments import FOLDER
from tests.bench.peers.weights import lm_weights, mimi_weights

PARTS = {"codec": CODECS, "lm": LANGUAGE_MODELS}
RECORDING = ROOT / "tests" / "data" / "clips" / "hey_jarvis_question.wav"


def compare(part: str, who: Sequence[str], rounds: int, *, check: bool) -> Session:
    """Let ours and each of ``who`` (all if empty) do a part of the work in turns: codec or lm."""
    entries = [entry for entry in PARTS[part] if not who or entry.who in {OURS, THE_MACHINE, *who}]
    with TemporaryDirectory() as folder:
        given = Path(folder) / "given.npy"
        np.save(given, speech() if part == "codec" else heard_codes())
        weights = (mimi_weights if part == "codec" else lm_weights)(FOLDER / "weights")
        return alternate(entries, weights, given, rounds, check=check)


def heard_codes() -> NDArray[np.int32]:
    """A user whom nobody would understand, (frames, 8)."""
    return np.random.default_rng(0).integers(0, 2048, (50, 8), np.int32)


def speech() -> NDArray[np.float32]:
    """A recording as frames, (frames, 1920)."""
    with wave.open(str(RECORDING)) as clip:
        samples = np.frombuffer(clip.readframes(clip.getnframes()), "<i2")
    frames: NDArray[np.float32] = samples[: len(samples) // 1920 * 1920].reshape(-1, 1920).astype(np.float32)
    return frames / np.float32(32768)


def main() -> int:
    """Compare, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=list(PARTS), default="codec", help="what is compared")
    parser.add_argument("--rounds", type=int, help="how many; 5 of the codec and 3 of the language model")
    parser.add_argument("--who", action="append", default=[], help="only ours and these")
    parser.add_argument("--no-check", action="store_true", help="do not compare what they compute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the times go")
    parser.add_argument("--add", action="store_true", help="add rounds to those in the file")
    options = parser.parse_args()
    rounds = options.rounds or {"codec": 5, "lm": 3}[options.part]
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        session = compare(options.part, options.who, rounds, check=not options.no_check)
        found = findings.times_of(session)
        if options.json:
            findings.write(options.json, found, add=options.add)
            found = read_times(options.json)
    except SpeakerError as error:
        notes.print(f"compare: {error}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    for line in findings.agreement(session):
        notes.print(line)
    Console(width=None if sys.stdout.isatty() else 110).print(findings.table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
