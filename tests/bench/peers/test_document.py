"""The page on performance: what stands between the marks comes from a result."""

from dataclasses import asdict
from pathlib import Path

import pytest

from moshi_speaker.bench.run import Options
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


def test_a_result_is_read_as_it_was_written_and_joined_with_others(tmp_path: Path) -> None:
    first, second = report(), report()
    first.settings, first.session, first.idle = asdict(Options(peers=tmp_path / "peers.json")), None, None
    for name, found in (("first", first), ("second", second)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bench.json").write_text(found.to_json(), "utf-8")
    joined = read([tmp_path / "first", tmp_path / "second"])
    assert joined.times == [*first.times, *second.times]
    assert joined.peers == [*first.peers, *second.peers]
    assert (joined.session, joined.idle) == (second.session, second.idle)
