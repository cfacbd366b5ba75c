"""``make bench``: the benchmark of this machine, and beside it other programs that do the same work.

Then how well echo is cancelled, in simulated rooms. ``--no-peers`` leaves the others out, ``--no-echo`` the
rooms, ``--rounds`` makes the comparison quick; every other argument goes to ``moshi-speaker bench``.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from moshi_speaker.bench.run import NO_PARTS
from moshi_speaker.cli import INTERRUPTED
from moshi_speaker.cli.stopping import interruptible
from moshi_speaker.errors import UsageError
from tests.bench.echo.contestants import PEERS as ECHO_PEERS
from tests.bench.peers.contestants import CODECS, LANGUAGE_MODELS
from tests.bench.peers.environments import ENVIRONMENTS, python_of

COMPARE = Path(__file__).parent / "peers" / "compare.py"
"""Takes turns with the peers."""
ECHO = (sys.executable, "-m", "tests.bench.echo")
"""How well echo is cancelled, by ours and by others."""
GRACE_S = 10.0
"""Seconds that a program has to end by itself, and save what it has, before it is told to."""
CONTESTED = tuple(name for name in ENVIRONMENTS if name not in ECHO_PEERS.values())
"""Environments of those who take part in it; the echo bench looks after its own."""
ENTRIES = {"codec": CODECS, "lm": LANGUAGE_MODELS}
"""What is compared, and who takes part."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, then measure; the exit code of the latter."""
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="How fast this machine is, and others beside it.",
        epilog="Every other argument goes to moshi-speaker bench.",
        allow_abbrev=False,
    )
    parser.add_argument("--no-peers", action="store_true", help="leave the other programs out")
    parser.add_argument("--no-echo", action="store_true", help="leave the echo canceller out")
    parser.add_argument(
        "--rounds",
        type=_count,
        metavar="N",
        help="turns of everybody; without it 5 of the codec, 3 of the model",
    )
    options, rest = parser.parse_known_args(arguments)
    bench = [sys.executable, "-m", "moshi_speaker", "bench", *rest]
    try:
        with interruptible():
            code = run(bench) if options.no_peers else measure(bench, options.rounds)
            if options.no_echo or code == INTERRUPTED:
                return code
            return max(code, run([*ECHO, *(["--no-peers"] if options.no_peers else [])]))
    except KeyboardInterrupt:
        return INTERRUPTED


def measure(bench: list[str], rounds: int | None) -> int:
    """Run the benchmark, after the comparison with the others in so many rounds; its exit code.

    When the comparison is interrupted, what it has found is shown and saved.
    """
    found: dict[str, list[Any]] = {}
    with TemporaryDirectory(prefix="moshi-speaker-peers-") as folder:
        try:
            usable = installed(CONTESTED)
            for part in ENTRIES:
                found[part] = compared(part, usable, rounds, Path(folder))
        except KeyboardInterrupt:
            missing = [f"{part} beside others" for part in ENTRIES if part not in found]
            say(f"interrupted; not measured: {', '.join((*missing, 'our own parts'))}")
            if any(found.values()):
                run([*with_peers(bench, found, Path(folder)), "--parts", NO_PARTS])
            return INTERRUPTED
        return run(with_peers(bench, found, Path(folder)))


def with_peers(bench: list[str], found: Mapping[str, list[Any]], folder: Path) -> list[str]:
    """The command that shows what was found beside what it measures."""
    times = [each for part in found.values() for each in part]
    if not times:
        return bench
    path = folder / "peers.json"
    path.write_text(json.dumps(times))
    return [*bench, "--peers", str(path)]


def compared(part: str, usable: Collection[str], rounds: int | None, folder: Path) -> list[Any]:
    """Times of one part of the work by everybody; empty, and told why, where that is not possible."""
    others = []
    for entry in ENTRIES[part]:
        if entry.environment in usable and entry.handicap:
            say(f"left out: {entry.who}: {entry.handicap}")
        elif entry.environment in usable:
            others.append(entry)
    if not others:
        return []
    say(f"{part}: ours beside {', '.join(entry.who for entry in others)}; this takes minutes")
    path = folder / f"{part}.json"
    chosen = [argument for entry in others for argument in ("--who", entry.who)]
    command = [sys.executable, str(COMPARE), "--part", part, "--json", str(path), *chosen]
    if rounds is not None:
        command += ["--rounds", str(rounds)]
    if run(command) or not path.exists():
        say(f"left out: {part} beside others; the line above says why")
        return []
    times = json.loads(path.read_text())
    assert isinstance(times, list)
    return times


def run(command: Sequence[str]) -> int:
    """Run a program to its end; its exit code. When we are to stop, it may tidy up before."""
    process = subprocess.Popen(command)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # Ctrl-C reaches it too; what else ends us does not.
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
        raise


def installed(environments: Iterable[str]) -> list[str]:
    """Those that are there, or can be installed; of the others it is told why they are left out."""
    usable = []
    for name in environments:
        say(f"{name}: looking for it below .venv-peers, or installing it (minutes, the first time)")
        try:
            python_of(name)
        except UsageError as error:
            say(f"left out: {error}")
        else:
            usable.append(name)
    return usable


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def say(line: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"make bench: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
