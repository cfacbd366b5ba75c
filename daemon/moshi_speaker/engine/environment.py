"""What an engine process finds in its environment: libraries read it once, when they are loaded."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from moshi_speaker.settings import EngineSettings

BLAS = "MOSHI_SPEAKER_BLAS"
"""Which BLAS to load, as ``engine.blas`` names them."""
THREADS = "MOSHI_SPEAKER_THREADS"
"""How many threads it may use."""
TUNABLES = "GLIBC_TUNABLES"
"""Settings of the GNU C library, NAME=VALUE with colons between; elsewhere nothing reads them."""
LARGE_PAGES = "glibc.malloc.hugetlb"
"""With 1, memory is asked for in pages of 2 MiB where the kernel leaves that to programs.

A frame reads some 300 MB of weights, 80 000 pages of 4 KiB: with large ones it takes a tenth less.
"""
MOST_THREADS = 4
"""As many as it gets unasked: products with one or two columns wait for memory, not for more cores.

One core is left to the speaker and to MLX's own thread: threads that must wait for one that does not run
made a whole frame a quarter slower on two cores.
"""


def environment(
    settings: EngineSettings, cores: int, present: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The variables for an engine; ``cores``: how many it may use; ``present``: those it would have anyway.

    Threads beyond them wait for each other instead of computing: with a thousand an engine hangs.
    """
    unasked = max(1, min(cores - 1, MOST_THREADS))
    tunables = [present[TUNABLES]] if present.get(TUNABLES) else []
    if LARGE_PAGES not in "".join(tunables):
        tunables.append(f"{LARGE_PAGES}=1")
    return {
        BLAS: settings.blas,
        THREADS: str(min(cores, settings.threads or unasked)),
        TUNABLES: ":".join(tunables),
    }


def usable_cores(root: Path = Path("/")) -> int:
    """CPU cores that this process may use: its affinity, or less where a control group allows less.

    ``root`` is the folder with ``proc`` and ``sys``. Half a core too much would have every thread stopped
    in each period of the quota, so parts of a core do not count.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([affinity, *map(int, _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """Cores that each control group around this process allows (cgroups(7), versions 1 and 2)."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if not controllers:
            yield from _limits(root / "sys/fs/cgroup", group, ("cpu.max",))
        elif "cpu" in controllers.split(","):
            files = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            yield from _limits(root / "sys/fs/cgroup/cpu", group, files)


def _limits(mount: Path, group: str, files: tuple[str, ...]) -> Iterator[float]:
    """Quota over period of a group and of all above it; in a container its own path may not be mounted."""
    folder = mount / group.lstrip("/")
    for place in (folder, *folder.parents):
        words = " ".join(_read(place / file) for file in files).split()
        if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and int(words[1]):
            yield int(words[0]) / int(words[1])
        if place == mount:
            return


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
