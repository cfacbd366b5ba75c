"""How many commands are carried out: a token bucket for each topic. Pure: the time is an argument.

Whatever comes, a topic lets ``BURST`` commands through at once and ``PER_S`` a second after that. Of what
sets a value the newest of the excess waits for room. A stop, or a mute, is never dropped: it goes through at
once, or, just after another one, as soon as a command may. Excess requests are refused, and that is told, for
all of them together, once a second. What is kept is at most two commands and a count for each topic.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from moshi_speaker.events import (
    BenchRequested,
    Event,
    HealthRequested,
    HistoryRequested,
    MuteRequested,
    ReloadRequested,
    Request,
    RestartRequested,
    SettingRequested,
    StopRequested,
    Transaction,
)

BURST = 20
"""Commands of one topic at once."""
PER_S = 10.0
"""Commands of one topic a second."""
TELL_S = 1.0
"""Seconds between two refusals of one topic."""
_ROUNDING = 1e-6
"""Tokens that may be missing, so that there is one at the very moment at which one was promised."""

Command = Event | Request
Answered = (
    HealthRequested
    | RestartRequested
    | ReloadRequested
    | SettingRequested
    | HistoryRequested
    | BenchRequested
)
"""Requests, which wait for an answer; everything else sets a value."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Requests that were not looked at."""

    topic: str
    number: int
    transaction: Transaction
    """That of the latest of them."""


@dataclass(slots=True)
class Bucket:
    """Tokens that come back with time."""

    tokens: float = BURST
    at: float | None = None

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        if self.at is not None:
            self.tokens = min(BURST, self.tokens + max(0.0, now - self.at) * PER_S)
        self.at = now
        if self.tokens < 1.0 - _ROUNDING:
            return False
        self.tokens -= 1.0
        return True

    @property
    def room_at(self) -> float:
        """When there is one again."""
        return (self.at or 0.0) + max(0.0, 1.0 - self.tokens) / PER_S


@dataclass(slots=True)
class _Lane:
    """One topic."""

    bucket: Bucket = field(default_factory=Bucket)
    answers: Bucket = field(default_factory=Bucket)
    """For answers to what cannot even be read."""
    urgent: Command | None = None
    """A stop or a mute that waits."""
    newest: Command | None = None
    """A value that waits; it came after ``urgent``."""
    latest: Command | None = None
    """What was let through last."""
    latest_at: float = float("-inf")
    refused: int = 0
    transaction: Transaction = None
    told_at: float = float("-inf")


class Limiter:
    """Used by one thread at a time; ``now`` is in seconds of any clock that never goes back."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    def admit(self, topic: str, command: Command, now: float) -> tuple[Command, ...]:
        """What to do now that this command came, in order; nothing if it waits, or is refused.

        ``topic`` is one of the few that we listen to.
        """
        lane = self._lane(topic)
        if isinstance(command, Answered):
            if lane.bucket.take(now):
                return (command,)
            self._refuse(lane, command.transaction)
            return ()
        if _is_urgent(command):
            lane.newest = None  # somebody thought better of it
            if lane.latest == command and now < lane.latest_at + 1.0 / PER_S:
                lane.urgent = command
                return ()
            lane.urgent = None
            return _passed(lane, now, command)
        if not lane.bucket.take(now):
            lane.newest = command
            return ()
        waiting, lane.urgent, lane.newest = lane.urgent, None, None
        return _passed(lane, now, *((waiting,) if waiting else ()), command)

    def admit_answer(self, topic: str, transaction: Transaction, now: float) -> bool:
        """Whether a request that makes no sense is answered; if not, it is among those refused."""
        lane = self._lane(topic)
        if lane.answers.take(now):
            return True
        self._refuse(lane, transaction)
        return False

    def due(self, now: float) -> tuple[Command, ...]:
        """Commands that waited, and have room now."""
        return tuple(command for lane in self._lanes.values() for command in _due(lane, now))

    def refusals(self, now: float) -> tuple[Refusal, ...]:
        """Refusals to be told now."""
        told: list[Refusal] = []
        for topic, lane in self._lanes.items():
            if lane.refused and now >= lane.told_at + TELL_S:
                told.append(Refusal(topic, lane.refused, lane.transaction))
                lane.refused, lane.transaction, lane.told_at = 0, None, now
        return tuple(told)

    def next_at(self) -> float | None:
        """When ``due`` or ``refusals`` has something; None if nothing waits."""
        return min((at for lane in self._lanes.values() for at in _times(lane)), default=None)

    def _lane(self, topic: str) -> _Lane:
        return self._lanes.setdefault(topic, _Lane())

    def _refuse(self, lane: _Lane, transaction: Transaction) -> None:
        lane.refused += 1
        lane.transaction = transaction


def _is_urgent(command: Command) -> bool:
    return isinstance(command, StopRequested) or command == MuteRequested(on=True)


def _passed(lane: _Lane, now: float, *commands: Command) -> tuple[Command, ...]:
    lane.latest, lane.latest_at = commands[-1], now
    return commands


def _due(lane: _Lane, now: float) -> tuple[Command, ...]:
    if lane.urgent is not None and now >= lane.latest_at + 1.0 / PER_S:
        urgent, lane.urgent = lane.urgent, None
        return _passed(lane, now, urgent) + _due(lane, now)
    if lane.urgent is None and lane.newest is not None and lane.bucket.take(now):
        newest, lane.newest = lane.newest, None
        return _passed(lane, now, newest)
    return ()


def _times(lane: _Lane) -> Iterator[float]:
    if lane.urgent is not None:
        yield lane.latest_at + 1.0 / PER_S
    elif lane.newest is not None:
        yield lane.bucket.room_at
    if lane.refused:
        yield lane.told_at + TELL_S
