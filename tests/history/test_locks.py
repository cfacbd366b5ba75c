"""Several programs use the file at once: SQLite's locks, which belong to a process, must stay."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.history.record import Keeper, talk

MakeKeeper = Callable[..., Keeper]
COUNT = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1])
print(file.execute("SELECT count(*) FROM utterances").fetchone()[0])
file.close()
"""


def counted_elsewhere(path: Path) -> int:
    """How many utterances another program finds, which closes the file again."""
    done = subprocess.run([sys.executable, "-c", COUNT, path], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_after_we_have_read_the_file_no_other_program_takes_our_journal_away(
    keep: MakeKeeper, tmp_path: Path
) -> None:
    keeper = keep()
    path = tmp_path / "history.sqlite3"
    for number in range(1, 4):
        keeper.keep(*talk(f"c{number}", "Hello."))
        assert len(keeper.history.conversations(10)) == number
        assert counted_elsewhere(path) == number
        assert path.with_name("history.sqlite3-wal").exists()
