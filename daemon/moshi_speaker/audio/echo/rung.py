"""How far the echo canceller can be trusted, and so how Moshi may be talked with: a ladder of three rungs.

Measured, not guessed: by how much softer the echo becomes.
"""

from dataclasses import dataclass, replace

from moshi_speaker.audio.echo import EchoState, Rung

OPEN_DB, GUARDED_DB = 14.0, 5.0
"""Reduction from which talk is open, and from which it is guarded."""
_HYSTERESIS_DB = 2.0
"""So much more is needed to go up than to stay."""
_EVIDENCE_S = 1.5
"""Seconds of audible echo before the ladder goes all the way down, and before Moshi is softer at first."""
_NONE_S = 3.0
"""Seconds of sound after which an echo that was not found is none: as with headphones."""
_HOLD_S = 0.4
"""Seconds that another rung must have been right before it is taken."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where we stand, and since when another rung would be right."""

    rung: Rung
    wanted: Rung
    since: float = 0.0
    ducked: bool = False
    """Whether Moshi is softer: its echo is there, and is badly cancelled."""


FIRST = Ladder(Rung.GUARDED, Rung.GUARDED)
"""At the start, until something was heard."""


def step(ladder: Ladder, state: EchoState, now: float) -> Ladder:
    """The ladder after a frame in which something was played; ``now`` in seconds."""
    after = _climb(ladder, _wanted(ladder.rung, state), now)
    return replace(after, ducked=_ducked(ladder, after, state))


def _climb(ladder: Ladder, wanted: Rung, now: float) -> Ladder:
    if wanted is ladder.rung:
        return replace(ladder, wanted=wanted)
    if wanted is not ladder.wanted:
        return replace(ladder, wanted=wanted, since=now)
    return Ladder(wanted, wanted) if now - ladder.since >= _HOLD_S else ladder


def _ducked(before: Ladder, after: Ladder, state: EchoState) -> bool:
    """A filter that was placed just now is given a moment to become good."""
    if after.rung is not Rung.GUARDED or not state.located:
        return False
    if before.ducked or before.rung is not after.rung:
        return True
    return after.wanted is Rung.GUARDED and state.audible_s >= _EVIDENCE_S


def _wanted(rung: Rung, state: EchoState) -> Rung:
    reduction = state.reduction_db
    if not state.located or reduction is None:
        if state.unfound:
            return Rung.HALF_DUPLEX
        return Rung.OPEN if state.played_s >= _NONE_S else rung
    if reduction >= OPEN_DB + (0.0 if rung is Rung.OPEN else _HYSTERESIS_DB):
        return Rung.OPEN
    if reduction >= GUARDED_DB + (_HYSTERESIS_DB if rung is Rung.HALF_DUPLEX else 0.0):
        return Rung.GUARDED
    return Rung.HALF_DUPLEX if state.audible_s >= _EVIDENCE_S else Rung.GUARDED
