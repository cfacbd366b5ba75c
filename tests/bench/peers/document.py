"""Put what ``make bench`` found into ``docs/performance.md``: its tables, and its pictures.

``python tests/bench/peers/document.py FOLDER`` takes what ``make bench ARGS="--out FOLDER"`` wrote. Tables
stand between marks that name them; everything else in the document is written by hand.
"""

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from pydantic import TypeAdapter
from rich.console import Console

from moshi_speaker.bench import plots
from moshi_speaker.bench.report import Report
from moshi_speaker.errors import SpeakerError, UsageError
from tests.bench.peers import pictures
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


def main() -> int:
    """Fill the document, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="that make bench wrote")
    folder = parser.parse_args().folder
    try:
        report = TypeAdapter(Report).validate_json((folder / "bench.json").read_bytes())
        DOCUMENT.write_text(fill(DOCUMENT.read_text("utf-8"), report), "utf-8")
        PICTURES.mkdir(exist_ok=True)
        drawn = [*plots.draw(report, PICTURES), pictures.apple_frames(PICTURES / "apple.png")]
    except SpeakerError as error:
        Console(stderr=True).print(f"document: {error}", highlight=False)
        return 1
    Console().print("written:", DOCUMENT, *drawn, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
