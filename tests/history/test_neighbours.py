"""Other programs look into the file while the speaker has it open."""

import subprocess
import sys
from pathlib import Path

from moshi_speaker.history import file
from tests.history.conftest import MakeKeeper
from tests.history.record import talk

COUNT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM sessions").fetchone()[0])
connection.close()
"""


def counted(folder: Path) -> int:
    """Conversations that a program of its own finds."""
    command = [sys.executable, "-c", COUNT, str(folder / file.NAME)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_program_that_comes_and_goes_does_no_harm(keep: MakeKeeper, tmp_path: Path) -> None:
    keeper = keep()
    for n in range(1, 4):
        keeper.keep(*talk(f"c{n}", "Hello"))
        assert len(keeper.history.conversations(10)) == n
        # Whoever is the last to close the file deletes its journal: that must not be this program.
        assert counted(tmp_path) == n
    assert (tmp_path / f"{file.NAME}-wal").exists()
    keeper.send_all()
    keeper.close()
    assert counted(tmp_path) == 3
