import mmap
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from moshi_speaker.speaker import resources


def test_the_figures_are_of_this_process(tmp_path: Path) -> None:
    before = resources.figures(2.5)
    assert before.uptime_s == 2.5
    assert before.peak_rss_bytes > 20_000_000
    may_end = threading.Event()
    thread = threading.Thread(target=may_end.wait)
    thread.start()
    with (tmp_path / "file").open("w"):
        after = resources.figures(3.0)
    may_end.set()
    thread.join()
    assert after.threads == before.threads + 1
    assert before.open_files is not None and after.open_files == before.open_files + 1
    assert after.cpu_s >= before.cpu_s
    assert before.load == os.getloadavg()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="Linux alone tells it")
def test_memory_that_is_taken_shows() -> None:
    before = resources.figures(0.0).rss_bytes
    with mmap.mmap(-1, 50_000_000) as taken:  # pages that the process did not have; malloc may have kept some
        taken.write(b"\1" * 50_000_000)
        after = resources.figures(0.0).rss_bytes
    assert before is not None and after is not None
    assert after - before > 40_000_000


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="Linux alone tells it")
def test_the_peak_is_that_of_this_process_and_not_of_the_one_that_started_it() -> None:
    program = "from moshi_speaker.speaker import resources; print(resources.figures(0.0).peak_rss_bytes)"
    with mmap.mmap(-1, 300_000_000) as taken:
        taken.write(b"\1" * 300_000_000)
        path = {"PYTHONPATH": str(Path(resources.__file__).parents[2])}
        told = subprocess.run(
            [sys.executable, "-c", program], env=os.environ | path, capture_output=True, text=True, check=True
        )
    assert 0 < int(told.stdout) < 300_000_000


def test_where_the_system_tells_nothing_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_load() -> tuple[float, float, float]:
        raise OSError

    monkeypatch.setattr(resources, "_OURS", Path("/nowhere"))
    monkeypatch.setattr(resources, "_OPEN", Path("/nowhere"))
    monkeypatch.setattr(os, "getloadavg", no_load)
    figures = resources.figures(0.0)
    assert (figures.rss_bytes, figures.open_files, figures.load) == (None, None, None)
    assert figures.threads == threading.active_count()
