"""Speech through the real echo canceller, as the speaker would hear it in a room that it does not know."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.activity import FLOOR_DBFS
from moshi_speaker.audio.echo import EchoState, Rung
from moshi_speaker.audio.echo.canceller import KalmanCanceller
from moshi_speaker.audio.echo.duplex import Duplex
from moshi_speaker.audio.echo.rung import OPEN_DB
from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Samples
from moshi_speaker.audio.reference import Reference
from moshi_speaker.selftest.findings import Echo
from moshi_speaker.selftest.recording import Block, Recording
from moshi_speaker.selftest.rest import clipped

END_S = 2.0
"""The last seconds of speech, which are judged."""
_BEFORE_S = 0.5
"""Seconds of silence before the speech with which the canceller begins."""
_AUDIBLE = 10.0
"""So many times the noise an echo is, where its reduction can be measured."""
_SMOOTHING = 7
"""Frames over which the reduction is averaged: 0.56 s."""
_DROWNED = 0.5
"""What is left is never taken for less than this part of the noise, which it cannot be told from."""
_BROKEN_DB, _BROKEN_FRAMES = 12.0, 4
"""A reduction has broken down when it is no longer enough for open talk, and so much less than its best was,
in so many frames in a row: 0.3 s. The end of a long reverberation alone is shorter."""
_TINY = 1e-12
_NOTHING = np.zeros(0, np.float32)

Levels = NDArray[np.float64]
"""Mean square of each frame, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Cleaning:
    """The microphone while speech is played, before and after the canceller."""

    start_s: float
    """When it begins; the speech begins at 0."""
    near: Samples
    """Shape (n,), n a multiple of 1920."""
    clean: Samples
    """Shape (n,)."""
    state: EchoState
    """How the canceller fares at the end."""
    rung: Rung
    """Where the speaker would stand at the end."""


@dataclass(frozen=True, slots=True)
class Course:
    """How the reduction went, where an echo is audible."""

    seconds: tuple[float, ...]
    """Since the speech began."""
    reduction_db: tuple[float, ...]
    """Averaged over half a second."""

    @property
    def points(self) -> list[tuple[float, float]]:
        """Both, point by point."""
        return list(zip(self.seconds, self.reduction_db, strict=True))


def clean(recording: Recording, begin: float, end: float, *, suppress: bool = True) -> Cleaning:
    """Let a canceller that knows nothing hear the speech, which sounds from ``begin`` to ``end``, in seconds.

    Blocks come to it in the order in which the device gave and took them. ``suppress`` is
    the setting echo.suppress_residual.
    """
    since = begin - _BEFORE_S
    reference = Reference()
    canceller = KalmanCanceller(reference, suppress=suppress)
    duplex = Duplex(canceller, on_change=lambda _: None)
    near: list[Block] = []
    cleaned = []
    for block in _whole_frames(recording, since):
        if block.played:  # the sweep shall not teach it
            samples = block.samples if block.at >= since else np.zeros_like(block.samples)
            reference.put(samples, block.at)
        elif block.at < end:
            near.append(block)
            cleaned.append(duplex.clean(block.samples, block.at).pcm)
    return Cleaning(
        start_s=near[0].at - begin if near else 0.0,
        near=np.concatenate([_NOTHING, *(block.samples for block in near)]),
        clean=np.concatenate([_NOTHING, *cleaned]),
        state=canceller.state,
        rung=duplex.ladder.rung,
    )


def _whole_frames(recording: Recording, since: float) -> Iterator[Block]:
    """What was played, as it was; what was heard from a time on, in frames of 80 ms as in the front end."""
    pending = _NOTHING
    for block in recording.blocks:
        if block.played:
            yield block
        elif block.at >= since:
            at = block.at - len(pending) / SAMPLE_RATE
            pending = np.concatenate((pending, block.samples))
            while len(pending) >= FRAME_SAMPLES:
                yield Block(False, pending[:FRAME_SAMPLES], at, block.called)
                pending, at = pending[FRAME_SAMPLES:], at + FRAME_SECONDS


def course(cleaning: Cleaning, noise_dbfs: float) -> Course:
    """The reduction over time."""
    noise = 10.0 ** (noise_dbfs / 10.0)
    window = np.ones(_SMOOTHING) / _SMOOTHING
    near, left = (np.convolve(_power(sound), window, "same") for sound in (cleaning.near, cleaning.clean))
    times = cleaning.start_s + (np.arange(len(near)) + 0.5) * FRAME_SECONDS
    now = np.minimum(near, _power(cleaning.near))
    audible = (now > _AUDIBLE * noise + _TINY) & (times > 0.0)
    reduction = 10.0 * np.log10(_softer(near[audible], left[audible], noise))
    return Course(tuple(times[audible].tolist()), tuple(reduction.tolist()))


def judge(cleaning: Cleaning, noise_dbfs: float, missing_db: float | None) -> Echo:
    """The figures, given the noise at rest and what the device itself takes out."""
    noise = 10.0 ** (noise_dbfs / 10.0)
    frames = round(END_S / FRAME_SECONDS)
    near, left = _power(cleaning.near)[-frames:], _power(cleaning.clean)[-frames:]
    audible = near > _AUDIBLE * noise + _TINY
    echo, residual = (float(power[audible].mean()) if audible.any() else 0.0 for power in (near, left))
    over_time = course(cleaning, noise_dbfs)
    state = cleaning.state
    return Echo(
        echo_dbfs=_dbfs(echo),
        residual_dbfs=_dbfs(residual),
        reduction_db=10.0 * float(np.log10(_softer(echo, residual, noise))) if echo else None,
        at_least=bool(residual - noise <= _DROWNED * noise),
        open_after_s=next((s for s, db in over_time.points if db >= OPEN_DB), None),
        broke_at_s=_break(over_time),
        clipped=clipped(cleaning.near),
        located=state.located,
        own_estimate_db=state.reduction_db if state.located else None,
        delay_ms=state.delay_ms,
        drift_ppm=state.drift_ppm,
        rung=cleaning.rung,
        missing_db=missing_db,
    )


def _break(over_time: Course) -> float | None:
    best, bad = 0.0, 0
    for second, reduction in over_time.points:
        best = max(best, reduction)
        bad = bad + 1 if reduction < min(OPEN_DB, best - _BROKEN_DB) else 0
        if bad == _BROKEN_FRAMES:
            return second
    return None


def missing(
    response: NDArray[np.float64], played: Samples, heard: Samples, noise_dbfs: float
) -> float | None:
    """By how many decibels speech at the microphone is softer than the sweep's way makes one expect.

    ``played`` and ``heard`` have shape (n,), and ``heard`` begins where the first sound of ``played``
    arrives. None if nothing is to be expected, or if nothing can be told from noise.
    """
    size = 1 << (len(played) + len(response) - 1).bit_length()
    spectrum = np.fft.rfft(played, size) * np.fft.rfft(response, size)
    expected = float(np.square(np.fft.irfft(spectrum, size)[: len(played)]).mean())
    noise = 10.0 ** (noise_dbfs / 10.0)
    if expected < _AUDIBLE * noise + _TINY:
        return None
    arrived = float(np.square(heard, dtype=np.float64).mean())
    return 10.0 * float(np.log10(_softer(expected + noise, arrived, noise)))


def _softer(before: "Levels | float", after: "Levels | float", noise: float) -> "Levels":
    """By what factor of power the sound within the noise became softer."""
    left = np.maximum(np.asarray(after) - noise, _DROWNED * noise)
    factor: Levels = np.maximum(np.asarray(before) - noise, _TINY) / np.maximum(left, _TINY)
    return factor


def _power(sound: Samples) -> Levels:
    return np.asarray(np.square(sound, dtype=np.float64).reshape(-1, FRAME_SAMPLES).mean(axis=1))


def _dbfs(power: float) -> float:
    return max(FLOOR_DBFS, 10.0 * float(np.log10(max(power, _TINY))))
