"""Put what ``make bench`` found into ``docs/performance.md``: its tables, and its pictures.

``python tests/bench/peers/document.py FOLDER`` takes what ``make bench ARGS="--out FOLDER"`` wrote; where
the parts were measured in several runs, it takes several folders. Tables stand between marks that name
them; everything else in the document is written by hand.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from moshi_speaker.bench import plots
from moshi_speaker.bench.report import Report
from moshi_speaker.errors import SpeakerError, UsageError
from tests.bench.peers.tables import BLOCKS

DOCUMENT = Path(__file__).parents[3] / "docs" / "performance.md"
PICTURES = DOCUMENT.with_name("pictures")


def fill(text: str, report: Report) -> str:
    """The document with its tables made anew. Raises UsageError for a mark that nobody knows."""

    def block(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in BLOCKS:
            raise UsageError(f"no table is called {name!r}", where=str(DOCUMENT))
        return f"<!-- table: {name} -->\n{BLOCKS[name](report)}\n<!-- end -->"

    return re.sub(r"<!-- table: (?P<name>[^>]*?) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


def read(folders: Sequence[Path]) -> Report:
    """What was found, all runs together. Raises UsageError for a folder without a benchmark's result."""
    reports = [_read(folder / "bench.json") for folder in folders]
    whole = reports[0]
    for report in reports[1:]:
        whole.times += report.times
        whole.peers += report.peers
        whole.session = whole.session or report.session
        whole.idle = whole.idle or report.idle
        whole.left_out += report.left_out
        whole.missing += report.missing
    return whole


def _read(path: Path) -> Report:
    try:
        return TypeAdapter(Report).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError("no result of moshi-speaker bench", where=str(path)) from error


def main() -> int:
    """Fill the document, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="that make bench wrote")
    folders = parser.parse_args().folders
    # Needs matplotlib, which the rest of this does not.
    from tests.bench.peers import pictures

    try:
        report = read(folders)
        DOCUMENT.write_text(fill(DOCUMENT.read_text("utf-8"), report), "utf-8")
        PICTURES.mkdir(exist_ok=True)
        drawn = [*plots.draw(report, PICTURES), pictures.apple_frames(PICTURES / "apple.png")]
        for path in drawn:
            pictures.shrink(path)
    except SpeakerError as error:
        Console(stderr=True).print(f"document: {error}", highlight=False)
        return 1
    Console().print("written:", DOCUMENT, *drawn, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
