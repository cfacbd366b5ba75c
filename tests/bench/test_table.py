from io import StringIO

from rich.console import Console
from rich.table import Table

from moshi_speaker.bench.table import peers_table, remarks, times_table
from tests.bench.reports import report


def lines(table: Table) -> list[list[str]]:
    """What is printed on a screen of 80 columns, without markup as ``bench`` does: the cells of each row."""
    screen = StringIO()
    Console(file=screen, width=80, markup=False).print(table)
    rows = [line for line in screen.getvalue().splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]


def test_a_row_has_a_part_its_times_and_its_share_of_real_time() -> None:
    rows = lines(times_table(report()))
    assert rows[3] == ["language model, one step", "20.0", "20.9", "19.0", "21.0", "25%"]


def test_a_wake_word_has_no_share_of_a_frame() -> None:
    assert lines(times_table(report()))[-1][-1] == ""


def test_a_peer_stands_below_the_work_that_it_did() -> None:
    rows = lines(peers_table(report()))
    assert rows[0][0] == "Mimi, encode"
    assert rows[1] == ["moshi-speaker", "6.00", "4.00", "8.00", ""]
    assert rows[2] == ["peer", "20.0", "8.00", "32.0", "0.375 ×"]


def test_what_has_no_row_is_said_in_a_line() -> None:
    said = remarks(report())
    assert said[0].startswith("Chip, 4 cores")
    assert any("5.0 % of a core and 90 MB" in line for line in said)
    assert said[-1] == "left out: wake: no wake word"


def test_on_a_narrow_screen_every_figure_is_still_there() -> None:
    screen = StringIO()
    Console(file=screen, width=60).print(times_table(report()))
    assert "…" not in screen.getvalue()
    assert all(
        figure in screen.getvalue() for figure in ("20.0", "20.9", "19.0", "21.0", "median", "of 80 ms")
    )
