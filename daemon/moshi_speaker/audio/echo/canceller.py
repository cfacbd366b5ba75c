"""The echo canceller: a Kalman filter in its place beside what was played, and a rival if it fails."""

import logging
from collections import deque

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.activity import FLOOR_DBFS
from moshi_speaker.audio.echo import Cleaned, EchoState
from moshi_speaker.audio.echo.bands import power
from moshi_speaker.audio.echo.kalman import PARTITIONS, KalmanFilter
from moshi_speaker.audio.echo.leakage import Leakage
from moshi_speaker.audio.echo.likeness import Likeness
from moshi_speaker.audio.echo.placement import HISTORY, Placement
from moshi_speaker.audio.echo.room import Room
from moshi_speaker.audio.echo.suppressor import Suppressor
from moshi_speaker.audio.echo.watch import Watch
from moshi_speaker.audio.frames import HOP_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.reference import Reference

_FIRST_LOOK = 24
"""Audible hops after which the delay is looked for."""
_PROVING_FRAMES = 15
"""Frames with an audible echo in which the place of a known room is looked at: 1.2 s."""
_PAUSE_HOPS = 50
"""Hops without sound after which another voice may begin."""
_RIVAL_HOPS = 30
"""Hops that a rival is taught at once."""
_LOUDEST = 8.0
"""So many times its average power the residual echo has in its loudest moments."""
_REMEMBER_DB = 12.0
"""Reduction from which a room is worth remembering."""
_REMEMBER_FRAMES = 25
"""Frames with an audible echo between two looks at it: 2 s."""

log = logging.getLogger(__name__)


class KalmanCanceller:
    """Removes the echo of what was played from the microphone. Belongs to one thread."""

    def __init__(self, reference: Reference, *, suppress: bool = True) -> None:
        """``reference`` is what was played; ``suppress`` what the filter leaves of it, while nobody talks."""
        self._placement = Placement(reference)
        self._watch = Watch()
        self._leakage = Leakage()
        self._likeness = Likeness()
        self._suppressor = Suppressor()
        self._suppress = suppress
        self._residual_power = 0.0
        self._residual_dbfs: float | None = None
        self._filter = KalmanFilter()
        self._rival: KalmanFilter | None = None
        self._located = False
        self._unproven = 0
        self._frames = 0
        self._orders: deque[Room | None] = deque()
        """Rooms to begin with, None to forget this one, oldest first: what other threads want."""
        self.room: Room | None = None
        """What is known of the room, if it is worth to be remembered. Replaced, never changed."""

    def recall(self, room: Room) -> None:
        """Begin with what was known of a room before, unless this one is known by now. From any thread."""
        self._orders.append(room)

    def forget(self) -> None:
        """Other devices are in another place: begin with nothing, or what is recalled after it. From any
        thread."""
        self.room = None  # at once: whoever keeps rooms shall not take it for that of the other devices
        self._orders.append(None)

    @property
    def state(self) -> EchoState:
        """How it fares."""
        return EchoState(
            located=self._located,
            reduction_db=self._leakage.reduction_db if self._located else None,
            delay_ms=1e3 * self._delay_of_sound if self._located else None,
            residual_dbfs=self._residual_dbfs if self._located else None,
            drift_ppm=1e6 * self._placement.drift if self._located else None,
            audible_s=self._watch.audible_hops * HOP_SAMPLES / SAMPLE_RATE,
            played_s=self._watch.played_hops * HOP_SAMPLES / SAMPLE_RATE,
            unfound=not self._located and self._likeness.alike,
        )

    def clean(self, near: Samples, at: float) -> Cleaned:
        """Clean what the microphone heard from time ``at`` on, shape (n,) with n a multiple of 240."""
        while self._orders:
            self._obey(self._orders.popleft())
        hops = near.reshape(-1, HOP_SAMPLES)
        known = self._placement.follow(at, len(near))
        if not known or self._placement.silent:
            self._go_by(hops)
            return Cleaned(near)
        self._placement.keep()
        audible, pieces = 0, []
        self._residual_power = 0.0
        echo = np.empty_like(hops)
        for number, hop in enumerate(hops):
            clean, echo[number], heard = self._cancel(hop)
            pieces.append(clean)
            audible += heard
        self._placement.note(hops, echo)
        if audible:
            self._judge(near, echo.reshape(-1))
        residual = self._residual_power / len(hops)
        if audible:
            self._residual_dbfs = _dbfs(residual)
        return Cleaned(np.concatenate(pieces), _dbfs(_LOUDEST * residual), playing=self._may_echo)

    def _obey(self, room: Room | None) -> None:
        if room is None:
            self.room = None
            self._watch, self._leakage = Watch(), Leakage()
            self._placement.begin()
            self._begin_anew()
        elif not self._located:
            self._begin_with(room)

    def _begin_with(self, room: Room) -> None:
        self._placement.begin(room.delay, room.drift)
        self._filter = KalmanFilter(room.path)
        self._leakage.reset(room.leak)
        self._leakage.relax()
        self._located, self._unproven = True, _PROVING_FRAMES
        self.room = room

    def _go_by(self, hops: NDArray[np.float32]) -> None:
        """Nothing is played while these hops are heard, shape (m, 240)."""
        if self._placement.go_by(hops):
            self._unproven = _PROVING_FRAMES if self._located else 0
        self._suppressor.skip(hops.reshape(-1))
        for hop in hops:
            self._leakage.hear(power(hop))
            self._watch.listen(hop)

    @property
    def _may_echo(self) -> bool:
        """Whether something was played loud enough to be heard, not longer ago than its echo lasts.

        A model that listens does not play zeros, but very soft noise.
        """
        return self._watch.quiet_hops < (PARTITIONS if self._located else HISTORY)

    @property
    def _delay_of_sound(self) -> float:
        """Seconds from what is played to the strongest partition of its echo."""
        energy = np.square(np.abs(self._filter.path.response)).sum(axis=1)
        return self._placement.delay + int(np.argmax(energy)) * HOP_SAMPLES / SAMPLE_RATE

    def _cancel(self, near: Samples) -> tuple[Samples, Samples, bool]:
        """One hop: what is left of it, its echo, and whether there was any."""
        played = self._placement.next_hop()
        if not self._located:  # a filter out of its place would learn nothing, and a near talker disturb it
            self._leakage.hear(power(near))
            self._suppressor.skip(near)
            self._likeness.hop(
                float(played @ played) / len(played), float(near @ near) / len(near), self._watch.noise
            )
            if self._watch.audible_hops < _FIRST_LOOK:  # all of it may be echo; later, one would be found
                self._residual_power += float(near @ near) / len(near)
            return near, np.zeros_like(near), self._watch.hop(played, near, near, None)
        far, far_power = self._placement.spectra()
        left, echo = self._filter.update(far, far_power, near)
        rival = self._rival.update(far, far_power, near)[0] if self._rival else None
        heard = self._watch.hop(played, near, left, rival)
        if self._watch.quiet_hops == _PAUSE_HOPS:
            self._leakage.relax()
        bands = power(left)
        self._leakage.hear(bands)
        self._leakage.compare(bands, power(echo))
        residual = self._leakage.residual
        self._residual_power += float(residual.sum())
        if self._watch.harmful:
            self._suppressor.skip(near)
            return near, echo, heard
        if not self._suppress:
            return left, echo, heard
        clean = self._suppressor.suppress(left, bands, residual, self._leakage.noise, self._leakage.leak)
        return clean, echo, heard

    def _judge(self, near: Samples, echo: Samples) -> None:
        """Once a frame with an echo: is the filter still right, and in its place?"""
        watch = self._watch
        if self._rival is not None and (watch.rival_won or watch.rival_lost):
            self._end_rivalry(self._rival)
        if self._located and watch.pointless:
            self._give_up()
        if watch.useful:
            self._placement.adjust(near, echo)
            self._remember()
        if self._unproven:
            self._unproven -= 1
            self._slipped()
        if not self._located:
            if watch.audible_hops >= _FIRST_LOOK:
                self._locate()
        elif watch.doubtful and self._rival is None:
            self._doubt()
        elif self._rival is not None and watch.audible_hops // 8 % 6 == 0:
            self._locate()

    def _end_rivalry(self, rival: KalmanFilter) -> None:
        won = self._watch.rival_won
        if won:
            self._filter = rival
            self._leakage.reset()
            log.info("the way of the echo has changed: learnt anew")
        self._rival = None
        self._watch.rival_ended(won=won)

    def _give_up(self) -> None:
        """No echo comes any more, as with headphones just put on, or it comes from elsewhere."""
        self._begin_anew()
        log.info("the echo is gone: it is looked for anew")

    def _begin_anew(self) -> None:
        self._filter, self._rival = KalmanFilter(), None
        self._located, self._unproven = False, 0
        self._placement.doubt()
        self._leakage.reset()
        self._watch.learning_began()

    def _remember(self) -> None:
        self._frames += 1
        reduction = self._leakage.reduction_db
        if self._frames % _REMEMBER_FRAMES == 0 and reduction > _REMEMBER_DB and self._rival is None:
            leak = 10.0 ** (-reduction / 10.0)
            self.room = Room(self._filter.path, self._placement.delay, self._placement.drift, leak)

    def _doubt(self) -> None:
        """The filter is of no use: it slipped, or the room is another one, or somebody talks over it."""
        if self._slipped():
            return
        self._rival = KalmanFilter()
        self._placement.teach(self._rival, _RIVAL_HOPS)
        self._watch.rival_began()

    def _slipped(self) -> bool:
        """Whether the filter was right, but misplaced; it is in its place now."""
        if not self._placement.follow_slip(self._filter):
            return False
        if self._unproven and self.room is not None:  # what was learnt in the wrong place is wrong
            self._filter = KalmanFilter(self.room.path)
        self._watch.moved()
        return True

    def _locate(self) -> None:
        """Look for the direct sound; once found, a filter that was taught there takes over."""
        taught = self._placement.find(placed=self._located)
        if taught is None:
            return
        self._filter, self._rival, self._located = taught.filter, None, True
        self._likeness.forget()
        self._leakage.reset(taught.left)
        self._watch.learning_began()
        log.info("the echo comes %.0f ms after what is played", 1e3 * self._delay_of_sound)


def _dbfs(mean_square: float) -> float:
    return max(FLOOR_DBFS, 10.0 * float(np.log10(max(mean_square, 1e-12))))
