"""The page on performance: what stands between the marks comes from a result."""

from pathlib import Path

import pytest

from moshi_speaker.errors import UsageError
from tests.bench.peers.document import DOCUMENT, fill, read
from tests.bench.peers.tables import BLOCKS
from tests.bench.reports import report


def test_the_page_has_every_table_once() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert all(text.count(f"<!-- table: {name} -->") == 1 for name in BLOCKS)


def test_tables_are_replaced_and_the_rest_stays() -> None:
    text = "before\n<!-- table: limits -->\nold\n<!-- end -->\nafter\n"
    filled = fill(text, report())
    assert filled.startswith("before\n<!-- table: limits -->\n| ") and filled.endswith(
        "<!-- end -->\nafter\n"
    )
    assert "| Moshi 7B | 14.75 | 7.84 | 4.61 |" in filled and "old" not in filled
    assert fill(filled, report()) == filled


def test_a_mark_or_a_folder_that_nobody_knows_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'nonsense'"):
        fill("<!-- table: nonsense -->\n<!-- end -->", report())
    with pytest.raises(UsageError, match="no result"):
        read([tmp_path])
