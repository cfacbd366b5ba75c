"""How fast the history is when it is large: opening, recording, searching, keeping the bounds.

``python -m tests.bench.history`` fills a file with made-up talk and times what its users do with it. A search
is timed warm, in one connection, and cold: in a new process, with the file out of the system's cache.
"""

import argparse
import itertools
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from moshi_speaker.events import (
    EndReason,
    Happened,
    ReportConversationEnded,
    ReportConversationStarted,
    ReportTranscript,
    Side,
)
from moshi_speaker.history import editing, file, query, reading, retention
from moshi_speaker.history.buffer import Entry
from moshi_speaker.history.happening import Happening
from moshi_speaker.history.history import History
from moshi_speaker.history.salvage import salvage
from moshi_speaker.history.store import keep
from moshi_speaker.settings import HistorySettings

TURNS = 12
"""Utterances of a talk."""
REPEATS = 15
_DONE = object()
COMMON = ("the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "you", "was", "on", "are", "as")
"""The more frequent, the earlier."""
RARE = "zugzwang"
"""A word that is there once."""
SEARCHES: dict[str, tuple[list[str], Side | None]] = {
    "rare word": ([RARE], None),
    "no such word": (["quetzalcoatl"], None),
    "common word": (["the"], None),
    "two common words": (["the", "of"], None),
    "phrase": (["of the"], None),
    "rare phrase": (["the of the of"], None),
    "prefix": (["th*"], None),
    "one letter": (["t*"], None),
    "common word, one side": (["the"], Side.USER),
    "word of the other side": ([RARE], Side.USER),
}


def fill(folder: Path, utterances: int) -> float:
    """Write so many utterances; the seconds that took. The words are as frequent as in English."""
    began = time.monotonic()
    entries = (Entry(n, n, happening, False) for n, happening in enumerate(_talks(utterances), 1))
    with closing(file.open_to_write(folder / file.NAME)) as connection:
        while batch := [entry for entry, _ in zip(entries, range(5_000), strict=False)]:
            keep(connection, batch, ())
    return time.monotonic() - began


def _talks(utterances: int) -> Iterator[Happening]:
    chance = random.Random(1)
    rare = ("".join(chance.choices("aeiourstlnmbcdfgh", k=chance.randint(3, 9))) for _ in range(20_000))
    words = [*COMMON, *rare]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    start = time.time() - 20 * 86_400.0
    for talk in range(utterances // TURNS + 1):
        name, at = f"bench-{talk}", start + talk * 120.0
        yield _happening(ReportConversationStarted(name, "wake_word", at), at)
        for turn in range(min(TURNS, utterances - talk * TURNS)):
            text = " ".join(chance.choices(words, cum_weights=weights, k=chance.randint(6, 24)))
            if talk == utterances // TURNS // 3 and turn == 1:
                text += f" {RARE}"
            side = Side.USER if turn % 2 == 0 else Side.ASSISTANT
            yield _happening(ReportTranscript(name, text, turn, at + turn, side), at + turn)
        yield _happening(
            ReportConversationEnded(name, "wake_word", EndReason.SILENCE, 60.0, 6, at + 60), at + 60
        )


def _happening(report: Happened, at: float) -> Happening:
    return Happening(f"{id(report)}-{at}-{type(report).__name__}", report, at, "{}", None)


def search_ms(path: Path, name: str) -> float:
    """One search as the command line makes it, opening included."""
    words, side = SEARCHES[name]
    began = time.perf_counter()
    with closing(file.open_to_read(path)) as connection:
        expression = query.expression(words, side)
        assert expression is not None
        reading.search(connection, expression, 20)
    return 1_000 * (time.perf_counter() - began)


def cold_ms(path: Path, name: str) -> float:
    """The same in a new process, and from the disk."""
    with path.open("rb") as whole:
        os.fsync(whole.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(whole.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.history", "--one", name, "--file", path],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def opened_ms(folder: Path) -> tuple[float, float]:
    """Milliseconds that the caller of a start waits, and until a first event may be sent."""
    ready = threading.Event()
    history = History(folder, HistorySettings())
    began = time.perf_counter()
    history.start(ready.set, _fail)
    returned = time.perf_counter()
    ready.wait(60.0)
    sendable = time.perf_counter()
    history.close(60.0)
    return 1_000 * (returned - began), 1_000 * (sendable - began)


def recorded_ms(folder: Path, count: int = 200) -> tuple[float, float]:
    """Milliseconds that one event takes its caller, and until it is kept and may be sent; medians."""
    kept = threading.Event()
    history = History(folder, HistorySettings())
    history.start(kept.set, _fail)
    history.settle(60.0)
    time.sleep(1.0)
    calls, ways = [], []
    for n in range(count):
        kept.clear()
        report = ReportTranscript("bench-new", f"utterance {n}", n, 0.0)
        happening = Happening(
            f"new-{time.time_ns()}", report, time.time(), '{"text":""}', "transcript/assistant"
        )
        began = time.perf_counter()
        history.record(happening)
        calls.append(time.perf_counter() - began)
        kept.wait(60.0)
        ways.append(time.perf_counter() - began)
    history.close(60.0)
    return 1_000 * statistics.median(calls), 1_000 * statistics.median(ways)


def tidied_ms(path: Path) -> tuple[int, float, float]:
    """Steps in which a tenth of the file goes, milliseconds of the slowest, and of all together."""
    with closing(file.open_to_write(path)) as connection:
        (before,) = connection.execute("SELECT min(started) + 2 * 86400 FROM sessions").fetchone()
        steps = []
        tidying = retention.tidy(connection, before, 10**12)
        while True:
            began = time.perf_counter()
            done = next(tidying, _DONE)
            steps.append(1_000 * (time.perf_counter() - began))
            if done is _DONE:
                return len(steps), max(steps), sum(steps)


def deleted_ms(path: Path) -> float:
    """One conversation, as the command line deletes it."""
    with editing.reading(path) as connection:
        (talk,) = reading.conversations(connection, 1)
    began = time.perf_counter()
    editing.delete(path, [talk.id])
    return 1_000 * (time.perf_counter() - began)


def salvaged_ms(path: Path) -> float:
    """The whole file, with its first page destroyed."""
    with path.open("r+b") as broken:
        broken.write(bytes(file.PAGE_BYTES))
    began = time.perf_counter()
    salvage(path, datetime.now(UTC))
    return 1_000 * (time.perf_counter() - began)


def _fail(line: str) -> None:
    raise SystemExit(line)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast a large history is.")
    parser.add_argument("--utterances", type=int, default=100_000)
    parser.add_argument("--one", choices=SEARCHES, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(f"{search_ms(options.file, options.one)}\n")
        return
    console = Console()
    with tempfile.TemporaryDirectory(prefix="history-") as name:
        folder = Path(name)
        empty = opened_ms(folder / "empty")
        took = fill(folder, options.utterances)
        path = folder / file.NAME
        console.print(
            f"{options.utterances} utterances: {path.stat().st_size / 1e6:.0f} MB, filled in {took:.0f} s"
        )
        full = [opened_ms(folder) for _ in range(REPEATS)]
        full_ms = [statistics.median(times) for times in zip(*full, strict=True)]
        console.print(f"start: {full_ms[0]:.2f} ms for the caller (empty: {empty[0]:.2f})")
        console.print(f"open after {full_ms[1]:.1f} ms (empty, made: {empty[1]:.1f})")
        call, way = recorded_ms(folder)
        console.print(f"an event: {1_000 * call:.0f} µs for the caller; kept after {way:.2f} ms")
        table = Table("search", "hits", "warm ms", "slowest", "cold ms", "slowest", title="Searches, 20 hits")
        with closing(file.open_to_read(path)) as connection:
            for search, (words, side) in SEARCHES.items():
                expression = query.expression(words, side)
                (hits,) = connection.execute(
                    "SELECT count(*) FROM words WHERE words MATCH ?", (expression,)
                ).fetchone()
                warm = [search_ms(path, search) for _ in range(REPEATS)]
                cold = [cold_ms(path, search) for _ in range(5)]
                numbers = (statistics.median(warm), max(warm), statistics.median(cold), max(cold))
                table.add_row(search, str(hits), *(f"{number:.1f}" for number in numbers))
        console.print(table)
        steps, slowest, whole = tidied_ms(path)
        console.print(
            f"a tenth of it too old: {steps} steps, the slowest {slowest:.0f} ms, all {whole:.0f} ms"
        )
        console.print(f"one conversation deleted: {deleted_ms(path):.0f} ms")
        console.print(f"salvaged without its first page: {salvaged_ms(path):.0f} ms")


if __name__ == "__main__":
    main()
