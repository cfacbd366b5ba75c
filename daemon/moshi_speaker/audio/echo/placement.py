"""Where in what was played the echo is that the microphone hears now, and what both heard lately."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.echo.alignment import Alignment
from moshi_speaker.audio.echo.history import History
from moshi_speaker.audio.echo.kalman import PARTITIONS, KalmanFilter
from moshi_speaker.audio.echo.lag import find_lag
from moshi_speaker.audio.echo.spectra import Power, Spectra, Spectrum
from moshi_speaker.audio.frames import HOP_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.reference import Reference

HISTORY = 100
"""Hops that a filter can be taught again: one second."""
LEAD = HOP_SAMPLES
"""Samples of the filter before the direct sound, for what its place is misjudged by."""
EARLIEST, LATEST = -0.1, 0.6
"""Seconds between which the echo may come after what is played, by the devices' own account."""
CLEAR = 14.0
"""Clearness from which a lag is believed: echoes have 17 and more, most other sounds at most 9 (measured in
simulated rooms)."""
_SAME = 0.002
"""Seconds by which two estimates of a delay may differ and be the same."""
_ELSEWHERE = 0.008
"""Seconds off its place at which a direct sound is outside of the filter, or nearly."""
_LEARNT = 0.7
"""Part of the sound that a filter must not leave after its lesson (-1.5 dB): else there is no such echo."""
_SLIPPED = 0.05
"""Seconds by which a known room may be misplaced after a restart, or when a device lost sound."""
_SLIP_HOPS = 30
_CLEAR_ENOUGH, _SAME_SLIP = 5.0, 2.0
"""Less clearness is enough where two looks differ by so few samples, and the echo shows who is right."""
_IN_PLACE = 0.3
"""Samples by which it may be misplaced, for the clocks' loop to put right."""
_BETTER = 0.5
"""Part of the sound's power that may be left, of what was left before, for a place to be the better one."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A filter that has learnt the echo of the latest second, at its place."""

    filter: KalmanFilter
    left: float
    """Part of the sound's power that it leaves."""


class Placement:
    """What was played, hop by hop, beside the microphone."""

    def __init__(self, reference: Reference) -> None:
        """``reference`` is what was played."""
        self._reference = reference
        self._alignment = Alignment(reference)
        self._spectra = Spectra(PARTITIONS + HISTORY)
        self._history = History(HISTORY)
        self._guess: float | None = None
        self._slip: float | None = None

    @property
    def delay(self) -> float:
        """Seconds by which the filter's first hop was played earlier than it is heard."""
        return self._alignment.delay

    @property
    def drift(self) -> float:
        """How much faster the loudspeaker's clock runs, as a part of it."""
        return self._alignment.drift

    @property
    def silent(self) -> bool:
        """Whether nothing was played whose echo may last, nor will be in the next frame."""
        return self._spectra.silent and self._alignment.silent_since(PARTITIONS * HOP_SAMPLES)

    # --- Hop by hop ---

    def begin(self, delay: float = 0.0, drift: float | None = None) -> None:
        """Begin anew, where a known room was or at nowhere."""
        self._alignment = Alignment(self._reference, delay, drift)
        self._guess = self._slip = None

    def follow(self, at: float, n: int) -> bool:
        """The microphone's next n samples begin at time ``at``. False while nothing was ever played."""
        known = self._alignment.follow(at, n)
        if known and self._alignment.jumped:  # what was heard last is not what was played just before
            self._move(0.0)
        return known

    def go_by(self, hops: NDArray[np.float32]) -> bool:
        """Nothing is played while these hops are heard, shape (m, 240).

        Whether the place was put right by the time stamps; it is then right to about a millisecond only.
        """
        moved = self._alignment.hold()
        self._alignment.advance(hops.size)
        self._history.note(hops, np.zeros_like(hops))
        return moved

    def keep(self) -> None:
        """Something is played: what is heard tells where we are."""
        self._alignment.keep()

    def next_hop(self) -> Samples:
        """What was played for the next hop of the microphone, shape (240,)."""
        played = self._alignment.read(HOP_SAMPLES)
        self._spectra.push(played)
        self._alignment.advance(HOP_SAMPLES)
        return played

    def spectra(self) -> tuple[Spectrum, Power]:
        """What a filter needs of what was played, up to the latest hop, and its power."""
        return self._spectra.window(PARTITIONS)

    def note(self, near: NDArray[np.float32], echo: NDArray[np.float32]) -> None:
        """What was heard and which echo was taken out, shape (m, 240) each: for second thoughts."""
        self._history.note(near, echo)

    # --- Second thoughts, once a frame ---

    def doubt(self) -> None:
        """The echo is not here: nothing of an earlier look counts."""
        self._guess = None

    def adjust(self, near: Samples, echo: Samples) -> None:
        """A clock that drifts leaves the derivative of the echo behind: e(t) = y(t + s) - y(t) = s y'(t)."""
        slope = np.gradient(echo)
        energy = float(slope @ slope)
        if energy > 0.0:
            misplaced = float((near - echo) @ slope) / energy
            self._alignment.correct(float(np.clip(misplaced, -0.5, 0.5)), len(near))

    def find(self, *, placed: bool) -> Taught | None:
        """Look for the direct sound; found twice at a place where it is learnt, we are there.

        ``placed``: we have a place, and another one must be far from it.
        """
        n, delay = HISTORY * HOP_SAMPLES, self._alignment.delay
        lags = range(*(round((limit - delay) * SAMPLE_RATE) for limit in (EARLIEST, LATEST)))
        lag = find_lag(self._alignment.read(n, back=n), self._history.near(HISTORY), lags)
        before, self._guess = self._guess, lag.samples if lag.clearness > CLEAR else None
        if before is None or self._guess is None or abs(before - lag.samples) > _SAME * SAMPLE_RATE:
            return None
        if placed and abs(lag.samples - LEAD) < _ELSEWHERE * SAMPLE_RATE:
            return None
        self._move(lag.samples - LEAD)
        pupil = KalmanFilter()
        self.teach(pupil, HISTORY)
        left = self.teach(pupil, HISTORY)  # a second lesson of the same second is worth 3 dB
        if left > _LEARNT:
            self._move(LEAD - lag.samples)
            return None
        return Taught(pupil, left)

    def follow_slip(self, known: KalmanFilter) -> bool:
        """Whether the echo of a filter and the microphone are alike, but at different times: then put that
        right."""
        echo, near = self._echo_lately(known), self._history.near(_SLIP_HOPS)
        reach = round(_SLIPPED * SAMPLE_RATE)
        slip = find_lag(echo, near, range(-reach, reach))
        before, self._slip = self._slip, slip.samples if slip.clearness > _CLEAR_ENOUGH else None
        if before is None or self._slip is None or abs(before - slip.samples) > _SAME_SLIP:
            return False
        if abs(slip.samples) < _IN_PLACE:
            return False
        self._move(slip.samples)
        self._slip = None
        left, now = (float(rest @ rest) for rest in (near - echo, near - self._echo_lately(known)))
        if now > _BETTER * left:  # the notes of an earcon are alike at many places
            self._move(-slip.samples)
            return False
        return True

    def teach(self, pupil: KalmanFilter, hops: int) -> float:
        """Let a filter hear the latest hops; the part of their power that it leaves."""
        near = self._history.near(hops)
        left = 0.0
        for back, hop in zip(reversed(range(hops)), near.reshape(-1, HOP_SAMPLES), strict=True):
            error, _ = pupil.update(*self._spectra.window(PARTITIONS, back), hop)
            left += float(error @ error)
        return left / max(float(near @ near), 1e-12)

    def _echo_lately(self, known: KalmanFilter) -> Samples:
        """The echo in the latest hops, as a filter sees it from its present place."""
        windows = (self._spectra.window(PARTITIONS, back)[0] for back in reversed(range(_SLIP_HOPS)))
        return np.concatenate([known.echo(far) for far in windows])

    def _move(self, samples: float) -> None:
        """The echo comes later than thought by so many samples."""
        self._alignment.move(-samples)
        n = (self._spectra.rows + 1) * HOP_SAMPLES
        self._spectra.rebuild(self._alignment.read(n, back=n))
        self._guess = None
