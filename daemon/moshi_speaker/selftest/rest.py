"""The recording as a stream, and the microphone at rest."""

import numpy as np

from moshi_speaker.audio.activity import FLOOR_DBFS, level_dbfs
from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.selftest.findings import Rest, Stream
from moshi_speaker.selftest.recording import Block, Recording, Track

FULL_SCALE = 0.99
"""Amplitude that counts as clipped: a converter between two rates leaves clipped sound near 1, not at it."""
GAP_S = 0.04
"""Time missing between two blocks from which sound counts as lost."""
NOTHING = Rest(noise_dbfs=FLOOR_DBFS, offset=0.0, zeros=0.0, clipped=0.0)
"""Of a microphone that gave nothing."""
_BEGIN_S, _LEAST_S = 1.0, 3.0
"""Seconds not counted at the start, when buffers fill, and seconds that a rate needs."""


def stream(recording: Recording) -> Stream:
    """How the recording came about."""
    heard, played = Track(recording.heard), Track(recording.played)
    finite = np.isfinite(heard.samples)
    return Stream(
        seconds=len(heard.samples) / SAMPLE_RATE,
        heard_hz=_rate(heard),
        played_hz=_rate(played),
        gaps=max(_gaps(recording.heard), recording.defects.overflows),
        holes=recording.defects.underflows,
        zeros=part(heard.samples == 0.0),
        not_numbers=int(np.count_nonzero(~finite)) + recording.defects.bad_samples,
    )


def rest(sound: Samples) -> Rest:
    """The microphone while nothing is played, shape (n,)."""
    offset = float(sound.mean()) if len(sound) else 0.0
    return Rest(
        noise_dbfs=level_dbfs(sound - np.float32(offset)),
        offset=offset,
        zeros=part(sound == 0.0),
        clipped=clipped(sound),
    )


def clipped(sound: Samples) -> float:
    """Part of the samples at full scale."""
    return part(np.abs(sound) >= FULL_SCALE)


def part(of: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> float:
    """How many are true, from 0 to 1."""
    return float(of.mean()) if of.size else 0.0


def numbers_only(recording: Recording) -> Recording:
    """The recording as the speaker takes it: a block with anything that is not a number is silent."""
    return Recording(
        tuple(
            block
            if np.isfinite(block.samples).all()
            else Block(block.played, np.zeros_like(block.samples), block.at, block.called)
            for block in recording.blocks
        ),
        recording.defects,
    )


def _rate(track: Track) -> float | None:
    """The slope of samples over time; a single callback may be late, all of them are not."""
    if not len(track.called):
        return None
    steady = track.called >= track.called[0] + _BEGIN_S
    called = track.called[steady]
    if not len(called) or called[-1] - called[0] < _LEAST_S:
        return None
    return float(np.polyfit(called - called[0], track.ends[steady], 1)[0])


def _gaps(blocks: tuple[Block, ...]) -> int:
    ends = [block.at + len(block.samples) / SAMPLE_RATE for block in blocks[:-1]]
    return sum(block.at - end > GAP_S for block, end in zip(blocks[1:], ends, strict=True))
