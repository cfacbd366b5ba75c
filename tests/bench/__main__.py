"""``make bench``: the benchmark of this machine, and beside it other programs that do the same work.

``--no-peers`` leaves the others out; every other argument goes to ``moshi-speaker bench``.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

COMPARE = Path(__file__).parent / "peers" / "compare.py"
"""Takes turns with the peers."""
PARTS = ("codec", "lm")
"""What is compared."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, then measure; the exit code of the latter."""
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="How fast this machine is, and others beside it.",
        epilog="Every other argument goes to moshi-speaker bench.",
    )
    parser.add_argument("--no-peers", action="store_true", help="leave the other programs out")
    options, rest = parser.parse_known_args(arguments)
    bench = [sys.executable, "-m", "moshi_speaker", "bench", *rest]
    if options.no_peers:
        return subprocess.run(bench, check=False).returncode
    with TemporaryDirectory(prefix="moshi-speaker-peers-") as folder:
        found = [times for part in PARTS for times in compared(part, Path(folder))]
        if found:
            peers = Path(folder) / "peers.json"
            peers.write_text(json.dumps(found))
            bench += ["--peers", str(peers)]
        return subprocess.run(bench, check=False).returncode


def compared(part: str, folder: Path) -> list[Any]:
    """Times of one part of the work by everybody; empty, and told why, where that is not possible."""
    say(f"{part} beside others; the first time, they are installed below .venv-peers")
    path = folder / f"{part}.json"
    done = subprocess.run([sys.executable, COMPARE, "--part", part, "--json", path], check=False)
    if done.returncode or not path.exists():
        say(f"left out: {part} beside others; the line above says why")
        return []
    times = json.loads(path.read_text())
    assert isinstance(times, list)
    return times


def say(line: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"make bench: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
