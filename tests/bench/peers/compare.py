"""Ours against everybody else's: the same weights, the same input, in turns, in one session.

``python tests/bench/peers/compare.py`` makes the environments of the peers at its first run.
"""

import argparse
import sys
import wave
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[3]))

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from moshi_speaker.errors import SpeakerError
from tests.bench.peers import findings
from tests.bench.peers.alternation import Plan, alternate
from tests.bench.peers.contestants import CODECS, ROOT
from tests.bench.peers.environments import FOLDER
from tests.bench.peers.findings import OURS, Finding
from tests.bench.peers.weights import mimi_weights

RECORDING = ROOT / "tests" / "data" / "clips" / "hey_jarvis_question.wav"


def compare_codecs(plan: Plan, who: list[str]) -> list[Finding]:
    """Time a frame encoded and decoded by ours and each of ``who``; all if empty."""
    entries = [entry for entry in CODECS if not who or entry.who in {OURS, *who}]
    with TemporaryDirectory() as folder:
        given = Path(folder) / "sound.npy"
        np.save(given, speech())
        session = alternate(entries, mimi_weights(FOLDER / "weights"), given, plan)
    Console(stderr=True).print(*findings.same_codes(session), sep="\n")
    return findings.of_session(session, {part: ("in turn", part) for part in ("encode", "decode", "sum")})


def speech() -> NDArray[np.float32]:
    """A recording as frames, (frames, 1920)."""
    with wave.open(str(RECORDING)) as clip:
        samples = np.frombuffer(clip.readframes(clip.getnframes()), "<i2")
    frames: NDArray[np.float32] = samples[: len(samples) // 1920 * 1920].reshape(-1, 1920).astype(np.float32)
    return frames / np.float32(32768)


def main() -> int:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=["codec"], default="codec")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.8, help="least length of a batch")
    parser.add_argument("--frames", type=int, default=4, help="least number of frames in a batch")
    parser.add_argument("--who", default="", help="only these, separated by commas")
    options = parser.parse_args()
    plan = Plan(options.rounds, options.seconds, options.frames, check_frames=25)
    try:
        found = compare_codecs(plan, [name for name in options.who.split(",") if name])
    except SpeakerError as error:
        Console(stderr=True).print(f"compare: {error}")
        return 1
    console = Console()
    findings.show(found, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
