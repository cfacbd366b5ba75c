"""What to expect on Apple chips: a calculation from memory bandwidths, nothing that was measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from moshi_speaker.moshi.config import MOSHI_7B
from moshi_speaker.moshi.limits import bytes_of_model, bytes_of_window, codec_cost, lm_cost
from moshi_speaker.moshi.mimi.config import MimiConfig

FRAME_MS = 80.0
"""Real time."""
BOUND = 0.8
"""Share of real time up to which the speaker calls a machine fast enough."""
EFFICIENCY = 0.7
"""Share of the published bandwidth that the best programs of this kind reach; others, 0.55."""
GIGA = 1e9
GPU_SHARE = 2 / 3
"""Of a Mac's memory, what its GPU may hold; larger ones allow a little more."""
BUFFERS_BYTES = 0.5 * GIGA
"""That MLX keeps, as the speaker sets it."""
PRECISIONS = {"bf16": 16, "q8": 8, "q4": 4}
"""Bits a weight, the largest first."""
MEMORIES_GB = (8, 16, 24, 32, 36, 48, 64)
"""Sizes of Macs."""


@dataclass(frozen=True, slots=True)
class Chip:
    """As published by Apple."""

    name: str
    bandwidth: int
    """Of the memory, GB/s."""


CHIPS = (
    Chip("M1", 68),
    Chip("M2, M3", 100),
    Chip("M4", 120),
    Chip("M3 Pro", 150),
    Chip("M5", 153),
    Chip("M1 Pro, M2 Pro", 200),
    Chip("M4 Pro", 273),
    Chip("M5 Pro", 307),
    Chip("M1 Max, M2 Max", 400),
    Chip("M4 Max", 546),
)
"""The slowest first; ``docs/performance.md`` names the sources."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of a frame: Mimi, the language model, Mimi."""

    first_ms: float
    """With an empty window."""
    later_ms: float
    """With a full one, after four minutes."""

    @property
    def keeps_up(self) -> bool:
        """For as long as a talk lasts."""
        return self.later_ms <= BOUND * FRAME_MS


def estimate(chip: Chip, bits: int) -> Estimate:
    """A frame of Moshi 7B, bound by reading."""
    lm, codec = lm_cost(MOSHI_7B, bits), codec_cost(MimiConfig(), MOSHI_7B.codebooks)
    speed = EFFICIENCY * chip.bandwidth * GIGA / 1000
    return Estimate(
        (lm.weight_bytes + codec.weight_bytes) / speed,
        (lm.bytes + codec.bytes) / speed,
    )


def largest_that_keeps_up(chip: Chip) -> str:
    """The best precision of Moshi 7B, or a dash."""
    kept = (name for name, bits in PRECISIONS.items() if estimate(chip, bits).keeps_up)
    return next(kept, "–")


def held_bytes(bits: int) -> float:
    """What the GPU holds of Moshi 7B, its window, the codec and buffers."""
    model = bytes_of_model(MOSHI_7B, bits) + bytes_of_window(MOSHI_7B)
    return model + codec_cost(MimiConfig(), MOSHI_7B.codebooks).bytes + BUFFERS_BYTES


def smallest_mac(bits: int) -> int:
    """Gigabytes of memory of the smallest Mac whose GPU may hold it."""
    return next(size for size in MEMORIES_GB if GPU_SHARE * size * GIGA >= held_bytes(bits))


def rows() -> Iterator[tuple[str, ...]]:
    """Chip, bandwidth, milliseconds at first and later by precision, and what keeps up."""
    for chip in CHIPS:
        estimates = [estimate(chip, bits) for bits in PRECISIONS.values()]
        cells = [f"{each.first_ms:.0f} – {each.later_ms:.0f}" for each in reversed(estimates)]
        yield chip.name, str(chip.bandwidth), *cells, largest_that_keeps_up(chip)
