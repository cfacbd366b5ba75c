"""Who takes part, and how each is started."""

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path

from moshi_speaker.engine.environment import environment, usable_cores
from moshi_speaker.settings import EngineSettings
from tests.bench.peers.environments import python_of

ROOT = Path(__file__).parents[3]
THE_MACHINE = "this machine"
"""Bytes read and sums done, as fast as it can: the limit."""


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
    frames: int = 20
    """In each batch; the slow ones do fewer."""
    warmup: int = 3
    """Frames before each batch that do not count: the process slept while the others worked."""
    checked: int = 25
    """Frames whose results are compared."""
    options: tuple[str, ...] = ()
    """After the weights and the input."""
    preload: str = ""
    """Library loaded ahead of all others in its process, on Linux."""

    all_cores: bool = False
    """Ours only: as many threads as cores, like the others; the engine leaves one to the speaker."""

    @property
    def variables(self) -> dict[str, str]:
        """Of its process's environment; ours gets what the engine gets."""
        if self.environment is None:
            cores = usable_cores()
            return environment(EngineSettings(threads=cores if self.all_cores else None), cores)
        return {"LD_PRELOAD": self.preload} if self.preload and sys.platform == "linux" else {}

    @property
    def handicap(self) -> str:
        """Why it would be slower than it can be: the loader only warns of a library that is not there."""
        if not self.preload or sys.platform != "linux":
            return ""
        try:
            ctypes.CDLL(self.preload)
        except OSError:
            return f"there is no {self.preload}"
        return ""

    def command(self, weights: Path, given: Path) -> list[str]:
        """Starts it."""
        python = python_of(self.environment) if self.environment else Path(sys.executable)
        module = f"tests.bench.peers.{self.module}"
        return [str(python), "-m", module, str(weights), str(given), *self.options]


_OPENBLAS = "libopenblas.so.0"

CODECS = (
    Entry("moshi-speaker", "codec_ours", ways=("in turn", "together")),
    Entry("moshi-speaker, all cores", "codec_ours", all_cores=True),
    Entry("rustymimi", "codec_rustymimi", "moshi_mlx", frames=12),
    Entry("PyTorch", "codec_torch", "torch", frames=8),
    Entry("moshi_mlx + OpenBLAS", "codec_mlx", "moshi_mlx", preload=_OPENBLAS, frames=4, warmup=1, checked=4),
    Entry("moshi_mlx", "codec_mlx", "moshi_mlx", frames=2, warmup=1, checked=4),
    Entry(THE_MACHINE, "machine", options=("codec",), frames=10),
)
"""Ours first."""

LANGUAGE_MODELS = (
    Entry("moshi-speaker", "lm_ours", all_cores=True, frames=3, warmup=1, checked=4),
    Entry(
        "moshi_mlx, float32",
        "lm_mlx",
        "moshi_mlx",
        options=("float32",),
        preload=_OPENBLAS,
        frames=2,
        warmup=1,
        checked=4,
    ),
    Entry("moshi_mlx", "lm_mlx", "moshi_mlx", frames=1, warmup=0, checked=2),
    Entry(THE_MACHINE, "machine", options=("lm step",), frames=4, warmup=1),
)
"""Ours first."""
