"""Which machine it is: what a reader of the figures has to know of it."""

import os
import platform
import subprocess
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from moshi_speaker.engine.environment import environment, usable_cores
from moshi_speaker.engine.resources import blas
from moshi_speaker.settings import EngineSettings

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Machine:
    """Hardware and the software that decides how fast it is."""

    cpu: str
    """Name of the processor."""
    cores: int
    """Cores of the machine."""
    usable_cores: int
    """Cores that this process may use."""
    memory_bytes: int
    """Physical memory."""
    system: str
    """Operating system and architecture."""
    python: str
    mlx: str
    """Version of MLX."""
    device: str
    """Where MLX computes."""
    blas: str
    """Library behind MLX's matrix products on a CPU, in words; empty if unknown."""
    threads: str
    """Threads of that library."""

    def __str__(self) -> str:
        """In one line, for tables and pictures."""
        words = [self.cpu, f"{self.usable_cores} cores", f"MLX {self.mlx} on {self.device}", self.blas]
        return ", ".join(filter(None, words))


def prepare(environ: MutableMapping[str, str]) -> None:
    """Let the model compute here as it does in the engine's process; to be called before it is imported."""
    for name, value in environment(EngineSettings(), usable_cores()).items():
        environ.setdefault(name, value)


def this_machine(mlx: str, device: str, threads: str) -> Machine:
    """Describe the machine; MLX's version and device, and the number of threads, come from outside."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        mlx=mlx,
        device=device,
        blas=blas(),
        threads=threads,
    )


def _cpu() -> str:
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or _UNKNOWN
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    # ARM's file has no such line.
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine() or _UNKNOWN


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
