"""Who takes part, and how each is started."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.peers.environments import python_of

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Entry:
    """One contestant."""

    who: str
    """As in tables and pictures."""
    module: str
    """Of this folder, run by the contestant's Python."""
    environment: str | None = None
    """Of ``environments.ENVIRONMENTS``; None: ours."""
    ways: tuple[str, ...] = ("in turn",)
    """Ways of working that are timed one after the other."""
    options: tuple[str, ...] = ()
    """After the weights and the input."""
    variables: dict[str, str] = field(default_factory=dict)
    """Of its process's environment."""

    def command(self, weights: Path, given: Path) -> list[str]:
        """Starts it."""
        python = python_of(self.environment) if self.environment else Path(sys.executable)
        module = f"tests.bench.peers.{self.module}"
        return [str(python), "-m", module, str(weights), str(given), *self.options]


_OPENBLAS = {"LD_PRELOAD": "libopenblas.so.0"} if sys.platform == "linux" else {}

CODECS = (
    Entry("moshi-speaker", "codec_ours", ways=("in turn", "together")),
    Entry("rustymimi", "codec_rustymimi", "moshi_mlx"),
    Entry("PyTorch", "codec_torch", "torch"),
    Entry("moshi_mlx + OpenBLAS", "codec_mlx", "moshi_mlx", variables=_OPENBLAS),
    Entry("moshi_mlx", "codec_mlx", "moshi_mlx"),
)
"""Ours first."""
