import os
import subprocess
import sys
from pathlib import Path

import pytest

DAEMON = Path(__file__).parents[2] / "daemon"
SCRIPT = """
import os
from pathlib import Path
import numpy as np
from moshi_speaker.audio.activity import SileroActivity
activity = SileroActivity()
before = len(list(Path("/proc/self/task").iterdir()))
activity.feed(np.zeros(1_024, np.float32))
print(len(list(Path("/proc/self/task").iterdir())) - before, os.environ.get("OMP_THREAD_LIMIT"))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts the threads of Linux")
@pytest.mark.parametrize("limit", [None, "3"])
def test_it_starts_no_threads_and_leaves_the_limit_of_others_alone(limit: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_THREAD_LIMIT"}
    environment |= {"PYTHONPATH": str(DAEMON)} | ({} if limit is None else {"OMP_THREAD_LIMIT": limit})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"0 {limit}\n"
