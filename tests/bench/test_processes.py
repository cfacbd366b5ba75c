import os
import subprocess
import sys

import pytest

from moshi_speaker.bench.processes import _seconds, cpu_seconds, family, resident_bytes
from moshi_speaker.errors import MissingPartError


def test_work_and_memory_are_counted() -> None:
    before = cpu_seconds(os.getpid())
    while cpu_seconds(os.getpid()) < before + 0.05:
        sum(range(10_000))
    block = bytearray(b"x" * 50_000_000)
    assert resident_bytes(os.getpid()) > len(block)


def test_a_process_that_is_gone_is_told() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    for count in (cpu_seconds, resident_bytes):
        with pytest.raises(MissingPartError, match="no process"):
            count(done.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_family_is_a_process_and_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = family(os.getpid())
        child.communicate(b"\n")
    assert found[0] == os.getpid()
    assert child.pid in found[1:]


@pytest.mark.parametrize(
    ("clock", "seconds"),
    [("0:01.50", 1.5), ("12:00.00", 720.0), ("1:00:01", 3_601.0), ("2-00:00:03", 172_803.0)],
)
def test_times_of_ps_are_read(clock: str, seconds: float) -> None:
    assert _seconds(clock) == seconds
