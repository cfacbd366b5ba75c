"""Python environments of the peers, each of its own: their pins exclude each other, and ours."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from moshi_speaker.errors import UsageError

FOLDER = Path(__file__).parents[3] / ".venv-peers"
"""Git ignores it; ``make clean`` removes it."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What ``pip`` installs."""

    name: str
    installs: tuple[tuple[str, ...], ...]
    """Arguments of ``pip install``, one call after the other."""
    imports: tuple[str, ...]
    """Modules that show that it is complete."""


_MLX = "mlx[cpu]" if sys.platform == "linux" else "mlx"
# On Linux, PyPI's PyTorch brings gigabytes for NVIDIA; its own index has one without.
_TORCH_INDEX = ("--extra-index-url", "https://download.pytorch.org/whl/cpu")
_TORCH = ("torch<2.10", *_TORCH_INDEX) if sys.platform == "linux" else ("torch<2.10",)

ENVIRONMENTS = {
    "moshi_mlx": Environment(
        name="moshi_mlx",
        # Its pins ask for an MLX of mid-2025; with today's it runs as well, and faster.
        installs=(
            ("--no-deps", "moshi_mlx==0.3.0"),
            (_MLX, "numpy", "sentencepiece", "huggingface_hub", "rustymimi==0.4.1"),
        ),
        imports=("moshi_mlx.models", "rustymimi"),
    ),
    "torch": Environment(
        name="torch",
        installs=(_TORCH, ("moshi==0.2.13",)),
        imports=("moshi.models", "torch"),
    ),
    "webrtc": Environment(
        name="webrtc",
        installs=(("livekit==1.2.1", "numpy"),),
        imports=("livekit.rtc", "numpy"),
    ),
    "speex": Environment(
        name="speex",
        installs=(("pyaec==1.0.1", "numpy"),),
        imports=("pyaec", "numpy"),
    ),
}
"""By name."""


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is made if need be.

    ``MOSHI_PEER_<NAME>`` in the process's environment names another one's interpreter. Raises UsageError
    in one line when a package cannot be had.
    """
    environment = ENVIRONMENTS[name]
    given = os.environ.get(f"MOSHI_PEER_{name.upper()}")
    if given:
        return Path(given)
    python = FOLDER / name / "bin" / "python"
    if not _complete(python, environment):
        _make(python, environment)
    return python


def _complete(python: Path, environment: Environment) -> bool:
    if not python.exists():
        return False
    imports = "; ".join(f"import {module}" for module in environment.imports)
    return subprocess.run([python, "-c", imports], capture_output=True, check=False).returncode == 0


def _make(python: Path, environment: Environment) -> None:
    folder = python.parents[1]
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], environment)
    for arguments in environment.installs:
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *arguments], environment)


def _run(command: list[str], environment: Environment) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise UsageError(
            f"{environment.name} cannot be installed: {lines[-1].strip()}",
            where=str(FOLDER / environment.name),
        )
