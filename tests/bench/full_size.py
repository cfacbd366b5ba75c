"""What a language model as large as Moshi 7B takes on this machine: to load, in memory, and for a step.

``python -m tests.bench.full_size`` writes one of random weights (5 GB, gone at the end) unless a folder is
named, and measures it as the engine would run it.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from rich.console import Console

from moshi_speaker.bench.machine import prepare
from moshi_speaker.engine.environment import THREADS

GIGA = 1e9


@dataclass(frozen=True, slots=True)
class FullSizeFigures:
    """Of one process."""

    blas: str
    """Library behind the products, and its threads."""
    unpacked: bool
    """Quantized weights were unpacked at load, as they are where that fits into memory."""
    load_s: float
    """Seconds from the files to a model ready to step."""
    load_peak_bytes: int
    """The most memory that the process had until then."""
    steps_s: tuple[float, ...]
    """Seconds of each step of a talk, but for the first two."""
    peak_bytes: int
    """The most memory that the process had, the window's keys and values included."""

    def __str__(self) -> str:
        """In a few lines."""
        times = f"{median(self.steps_s):.2f} s ({min(self.steps_s):.2f} – {max(self.steps_s):.2f})"
        kind = "unpacked" if self.unpacked else "packed"
        return (
            f"{self.blas}, weights {kind}\n"
            f"load: {self.load_s:.1f} s, {self.load_peak_bytes / GIGA:.1f} GB at most\n"
            f"step: {times}, median of {len(self.steps_s)}; {self.peak_bytes / GIGA:.1f} GB at most"
        )


def measure(folder: Path, steps: int) -> FullSizeFigures:
    """Load the model of a folder, and take so many steps."""
    # Now, because the environment decides which BLAS it takes; and before MLX itself.
    from moshi_speaker.moshi import blas

    library = str(blas.report())
    import mlx.core as mx

    from moshi_speaker.moshi.dialogue import activation_dtype
    from moshi_speaker.moshi.hub import files_in
    from moshi_speaker.moshi.lm.checkpoint import load_lm
    from moshi_speaker.moshi.lm.generate import Generator
    from moshi_speaker.moshi.lm.sampling import Sampling
    from moshi_speaker.moshi.memory import CACHE_LIMIT_BYTES, available_bytes, unpacks

    mx.set_cache_limit(CACHE_LIMIT_BYTES)
    files = files_in(folder, folder.name)
    config, dtype = files.config.lm, activation_dtype()
    unpack = unpacks("auto", config, available_bytes())
    began = perf_counter()
    model = load_lm(files.lm, config, dtype, dequantize=unpack)
    load_s, load_peak = perf_counter() - began, peak_bytes()
    generator = Generator(model, Sampling(seed=0), dtype)
    mx.eval(generator.start().text, *generator.state_arrays())
    codes = mx.zeros((1, config.heard, 1), mx.int32)
    times = []
    for _ in range(1 + steps):
        began = perf_counter()
        step = generator.step(codes)
        mx.eval(step.text, step.raw, *generator.state_arrays())
        times.append(perf_counter() - began)
    return FullSizeFigures(library, unpack, load_s, load_peak, tuple(times[1:]), peak_bytes())


def peak_bytes() -> int:
    """The most memory that this process has had resident."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a language model of full size takes.")
    parser.add_argument("folder", type=Path, nargs="?", help="of a model; without it 7B, q4, random weights")
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--threads", type=int, help="of the BLAS; without it as the engine chooses")
    parser.add_argument("--json", action="store_true", help="print every single time")
    asked = parser.parse_args()
    if asked.threads:
        os.environ[THREADS] = str(asked.threads)
    prepare(os.environ)
    with tempfile.TemporaryDirectory(prefix="full-size-") as name:
        folder = asked.folder or Path(name)
        if asked.folder is None:
            from moshi_speaker.moshi.synthetic import FULL_7B_Q4, write_checkpoint

            write_checkpoint(folder, FULL_7B_Q4)
        found = measure(folder, asked.steps)
    Console().print(json.dumps(asdict(found)) if asked.json else str(found), highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
