"""What somebody asked for that is no matter of the conversation: it is done, or refused, and answered."""

from dataclasses import dataclass

from moshi_speaker.events.terms import Transaction, Value


@dataclass(frozen=True, slots=True)
class HealthRequested:
    """Somebody wants to know how the speaker fares."""

    transaction: Transaction = None
    """By which whoever asked knows the answer; None if it does not care. The same in all requests."""


@dataclass(frozen=True, slots=True)
class RestartRequested:
    """Somebody asked to stop in order, and to start again."""

    transaction: Transaction = None


@dataclass(frozen=True, slots=True)
class ReloadRequested:
    """Somebody asked to read the configuration file again."""

    transaction: Transaction = None


@dataclass(frozen=True, slots=True)
class SettingRequested:
    """Somebody asked for another value of a setting, for as long as the speaker runs."""

    name: str
    """Dotted, as in the configuration: ``wake.threshold``."""
    value: Value
    """As it was sent; nobody has looked at it yet."""
    transaction: Transaction = None


@dataclass(frozen=True, slots=True)
class HistoryRequested:
    """Somebody wants to see the latest conversations."""

    limit: int
    """How many; at least 1."""
    transaction: Transaction = None


@dataclass(frozen=True, slots=True)
class BenchRequested:
    """Somebody wants to know how fast the model is here and now."""

    frames: int
    """Frames to time; at least 1."""
    transaction: Transaction = None


@dataclass(frozen=True, slots=True)
class WakeSensitivityRequested:
    """Somebody asked for another sensitivity of the wake words; its topic is the answer."""

    sensitivity: float
    """0 to 1; the threshold is 1 less it."""


@dataclass(frozen=True, slots=True)
class WakeWordRequested:
    """Somebody asked to listen for another wake word; its topic is the answer."""

    option: str
    """One of those that are offered."""


@dataclass(frozen=True, slots=True)
class RivalNoticed:
    """Another speaker uses the id of this one."""

    who: str
    """Its host and process, or what is known of it."""


Request = (
    HealthRequested
    | RestartRequested
    | ReloadRequested
    | SettingRequested
    | HistoryRequested
    | BenchRequested
    | WakeSensitivityRequested
    | WakeWordRequested
    | RivalNoticed
)
