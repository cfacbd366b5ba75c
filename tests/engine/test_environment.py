"""How many cores an engine may use, and what it is told."""

import os
from pathlib import Path

import pytest

from moshi_speaker.engine.environment import environment, usable_cores
from moshi_speaker.settings import EngineSettings

AFFINITY = 6


@pytest.fixture(autouse=True)
def six_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(AFFINITY)), raising=False)


def system(root: Path, files: dict[str, str]) -> Path:
    """A ``proc`` and a ``sys`` with these files."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, AFFINITY),
        ({"proc/self/cgroup": "0::/a/b\n"}, AFFINITY),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, AFFINITY),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "250000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "400000 100000\n"}, 4),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/cpu.max": "900000 100000\n"}, AFFINITY),
        ({"proc/self/cgroup": "0::/\n", "sys/cpu.max": "100000 100000\n"}, AFFINITY),
        (
            {
                "proc/self/cgroup": "5:memory:/m\n1:cpu,cpuacct:/a\n0::/\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/a\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
            },
            AFFINITY,
        ),
    ],
)
def test_the_narrowest_limit_counts(files: dict[str, str], cores: int, tmp_path: Path) -> None:
    assert usable_cores(system(tmp_path, files)) == cores


def test_an_engine_is_told_its_blas_and_its_threads() -> None:
    assert environment(EngineSettings(), cores=2, present={}) == {
        "MOSHI_SPEAKER_BLAS": "auto",
        "MOSHI_SPEAKER_THREADS": "1",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }
    assert environment(EngineSettings(), cores=1)["MOSHI_SPEAKER_THREADS"] == "1"
    assert environment(EngineSettings(), cores=64)["MOSHI_SPEAKER_THREADS"] == "4"
    chosen = environment(EngineSettings(blas="builtin", threads=7), cores=8)
    assert (chosen["MOSHI_SPEAKER_BLAS"], chosen["MOSHI_SPEAKER_THREADS"]) == ("builtin", "7")


@pytest.mark.parametrize(
    ("present", "given"),
    [
        ("glibc.malloc.arena_max=2", "glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1"),
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0"),
    ],
)
def test_what_the_user_tells_the_c_library_stays(present: str, given: str) -> None:
    assert environment(EngineSettings(), 2, {"GLIBC_TUNABLES": present})["GLIBC_TUNABLES"] == given


def test_an_engine_gets_no_more_threads_than_cores_whatever_is_wished() -> None:
    assert environment(EngineSettings(threads=1000), cores=2)["MOSHI_SPEAKER_THREADS"] == "2"
