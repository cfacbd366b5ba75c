"""The published models as a ladder: the same voice in fewer and fewer bytes, hence faster and faster."""

from moshi_speaker.moshi.config import MOSHI_7B
from moshi_speaker.moshi.hub import PUBLISHED
from moshi_speaker.moshi.limits import codec_cost, lm_cost
from moshi_speaker.moshi.mimi.config import MimiConfig

_BITS = {"bf16": 16, "q8": 8, "q4": 4}
"""Bits a weight, by the last part of a name."""
_FRAME_S = 0.08


def frame_bytes(name: str) -> int:
    """Bytes of weights and window that one frame reads with a published model, codec included."""
    return lm_cost(MOSHI_7B, _bits(name)).bytes + codec_cost(MimiConfig(), MOSHI_7B.codebooks).bytes


def smaller_siblings(name: str) -> list[tuple[str, float]]:
    """Models of the same voice that are smaller, the largest first, and the share of the time of ``name``
    that a frame should take with each: that of the bytes read, which bound the speed of a step.

    Empty for the smallest, and for every model that is not published.
    """
    if name not in PUBLISHED:
        return []
    family = name.rpartition("-")[0]
    smaller = [s for s in PUBLISHED if s.rpartition("-")[0] == family and _bits(s) < _bits(name)]
    return [(s, frame_bytes(s) / frame_bytes(name)) for s in sorted(smaller, key=_bits, reverse=True)]


def least_bandwidth(bound: float) -> float:
    """Bytes a second that a machine must read to take ``bound`` of real time with the smallest of all."""
    return min(map(frame_bytes, PUBLISHED)) / (bound * _FRAME_S)


def _bits(name: str) -> int:
    return _BITS[name.rpartition("-")[2]]
