import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import moshi_speaker
from tests.history.conftest import MakeKeeper

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("lines", [1, 400])
def test_a_kill_in_the_midst_of_writing_loses_nothing_that_was_kept(
    keep: MakeKeeper, tmp_path: Path, lines: int
) -> None:
    path = os.pathsep.join([str(Path(moshi_speaker.__file__).parents[1]), str(ROOT)])
    victim = subprocess.Popen(
        [sys.executable, "-m", "tests.history.victim", tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert victim.stdout is not None
    told = [victim.stdout.readline() for _ in range(lines)]
    victim.send_signal(signal.SIGKILL)
    told += victim.stdout.readlines()
    victim.stdout.close()
    assert victim.wait() == -signal.SIGKILL
    told = [line.strip() for line in told if line.endswith("}\n")]
    keeper = keep()
    keeper.until(lambda: keeper.waiting())
    waiting = keeper.waiting()
    assert waiting[: len(told)] == told
    numbers = [int(json.loads(text)["id"].removeprefix("e")) for text in waiting]
    assert numbers == list(range(1, len(waiting) + 1))
    assert keeper.problems == []
