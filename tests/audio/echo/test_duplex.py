from dataclasses import replace

import numpy as np
import pytest

from moshi_speaker.audio.echo import Cleaned, EchoState, Rung
from moshi_speaker.audio.echo.duplex import Duplex
from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, Samples

FRAME = np.full(FRAME_SAMPLES, 0.1, np.float32)


class FakeCanceller:
    """Fares as it is told."""

    def __init__(self) -> None:
        self.playing = True
        self.state = EchoState(
            located=True,
            reduction_db=10.0,
            delay_ms=100.0,
            residual_dbfs=-60.0,
            drift_ppm=0.0,
            audible_s=10.0,
            played_s=10.0,
        )

    def clean(self, near: Samples, at: float) -> Cleaned:
        return Cleaned(near, echo_dbfs=-50.0, playing=self.playing)


class Chain:
    """A canceller on a ladder, fed frame by frame."""

    def __init__(self) -> None:
        self.canceller = FakeCanceller()
        self.rungs: list[Rung] = []
        self.duplex = Duplex(self.canceller, lambda ladder: self.rungs.append(ladder.rung))
        self._at = 100.0

    def hear(self, reduction_db: float, frames: int = 10) -> Cleaned:
        self.canceller.state = replace(self.canceller.state, reduction_db=reduction_db)
        for _ in range(frames):
            clean = self.duplex.clean(FRAME, self._at)
            self._at += FRAME_SECONDS
        return clean


def test_a_good_canceller_opens_talk() -> None:
    chain = Chain()
    assert chain.duplex.ladder.rung is Rung.GUARDED
    clean = chain.hear(25.0)
    assert chain.rungs == [Rung.OPEN]
    assert not clean.gated
    assert not clean.guarded


@pytest.mark.parametrize(
    ("reduction_db", "guarded", "gated"), [(25.0, False, False), (9.0, True, False), (0.0, True, True)]
)
def test_what_moshi_may_hear_follows_the_rung(reduction_db: float, guarded: bool, gated: bool) -> None:
    clean = Chain().hear(reduction_db)
    assert (clean.guarded, clean.gated) == (guarded, gated)
    assert clean.pcm is FRAME
    assert (clean.playing, clean.echo_dbfs) == (True, -50.0)


def test_while_nothing_is_played_moshi_hears_all_and_the_ladder_stands_still() -> None:
    chain = Chain()
    chain.hear(0.0)
    chain.canceller.playing = False
    clean = chain.hear(30.0)
    assert not clean.gated
    assert not clean.guarded
    assert chain.duplex.ladder.rung is Rung.HALF_DUPLEX
    assert chain.rungs == [Rung.HALF_DUPLEX]


def test_each_change_is_told_once() -> None:
    chain = Chain()
    for reduction_db in (25.0, 25.0, 9.0, 0.0, 0.0, 25.0):
        chain.hear(reduction_db)
    assert chain.rungs == [Rung.OPEN, Rung.GUARDED, Rung.HALF_DUPLEX, Rung.OPEN]


def test_moshi_becomes_softer_also_where_the_rung_stays_that_of_the_start() -> None:
    chain, ducked = Chain(), []
    for audible_s in (0.1, 2.0):
        chain.canceller.state = replace(chain.canceller.state, audible_s=audible_s)
        chain.hear(9.0)
        ducked.append(chain.duplex.ladder.ducked)
    assert ducked == [False, True]
    assert chain.rungs == [Rung.GUARDED]
