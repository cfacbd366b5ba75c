"""How much memory a model may take, and that the system leaves to it what it has."""

import sys
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Literal

from moshi_speaker.moshi.config import LmConfig
from moshi_speaker.moshi.lm.layout import mlx_shapes

CACHE_LIMIT_BYTES = 512 * 2**20
"""Freed buffers that MLX may keep; without a limit it keeps all of them (moshi-spec §7)."""
GIGABYTE = 10**9
_PLAIN_BYTES = 4
_RESERVE = 1.1

Unpack = Literal["auto", "always", "never"]


def wired_limit(held: int, recommended: int) -> int:
    """Bytes to pin for a process whose weights and caches take ``held``.

    A tenth more, at least 1 GB, but never above nine tenths of what the system recommends: pinning the
    most that is allowed has hung machines, pinning nothing lets idle weights be paged out.
    """
    return min(held + max(GIGABYTE, held // 10), recommended * 9 // 10)


def wire(
    device: Mapping[str, object], held: int, pin: Callable[[int], object], platform: str = sys.platform
) -> int | None:
    """Pin the memory of a loaded model on macOS; the limit in bytes, or None where there is none.

    ``device`` is what MLX knows of the GPU, ``held`` what it holds in bytes, ``pin`` its call.
    """
    recommended = device.get("max_recommended_working_set_size")
    if platform != "darwin" or not isinstance(recommended, int):
        return None
    limit = wired_limit(held, recommended)
    try:
        pin(limit)
    except (RuntimeError, ValueError):  # before macOS 15
        return None
    return limit


def unpacks(wanted: Unpack, config: LmConfig, available: int | None) -> bool:
    """Whether a CPU should hold quantized weights unpacked, as float32.

    With auto it does when they fit into the ``available`` bytes (None: unknown) with a tenth to spare.
    """
    if wanted != "auto":
        return wanted == "always"
    needed = _PLAIN_BYTES * sum(map(prod, mlx_shapes(config).values())) + CACHE_LIMIT_BYTES
    return available is not None and needed * _RESERVE <= available


def available_bytes(root: Path = Path("/")) -> int | None:
    """Memory that this process can still take on Linux, its control groups (v2) considered; else None.

    ``root`` is where ``proc`` and ``sys`` are.
    """
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    if not kilobytes:
        return None
    return min([1024 * kilobytes[0], *_left_in_groups(root)])


def _left_in_groups(root: Path) -> list[int]:
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    left = []
    top = root / "sys/fs/cgroup"
    for line in groups:
        if line.startswith("0::/"):
            group = top / line.removeprefix("0::/")
            # A container sees its own group at the top, whatever the path says.
            for folder in (group, *group.parents):
                left += _left_in(folder)
                if folder == top:
                    break
    return left


def _left_in(folder: Path) -> list[int]:
    """What a control group's limit leaves, or nothing where there is no limit."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        stat = (folder / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):
        return []
    # Pages of files can be dropped.
    droppable = sum(int(line.split()[1]) for line in stat if line.startswith("inactive_file "))
    return [int(limit) - used + droppable] if limit.isdigit() else []
