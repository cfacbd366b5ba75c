"""What the operating system counts of a process."""

import os
import subprocess
import sys
from pathlib import Path

from moshi_speaker.errors import MissingPartError


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used, user and system, in seconds. Raises MissingPartError when it is gone."""
    if sys.platform != "linux":
        return _seconds(_ps(pid, "time"))
    # The name of the program, in parentheses, may hold anything.
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Memory that a process has resident. Raises MissingPartError when it is gone."""
    if sys.platform != "linux":
        return 1024 * int(_ps(pid, "rss"))
    return int(_read(pid, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[int]:
    """A process and its children; elsewhere than on Linux itself alone."""
    if sys.platform != "linux":
        return [pid]
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(int(child) for task in tasks for child in task.read_text().split())]


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError as error:
        raise MissingPartError(f"there is no process {pid} any more") from error


def _ps(pid: int, column: str) -> str:
    command = ["ps", "-o", f"{column}=", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    if not done.stdout.strip():
        raise MissingPartError(f"there is no process {pid} any more")
    return done.stdout.strip()


def _seconds(clock: str) -> float:
    """``[[days-]hours:]minutes:seconds``, as ps has it, in seconds."""
    days, _, rest = clock.rpartition("-")
    total = 0.0
    for figure in rest.split(":"):
        total = 60.0 * total + float(figure)
    return total + 86_400.0 * int(days or 0)
