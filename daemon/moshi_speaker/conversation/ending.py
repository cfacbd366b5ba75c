"""When a talk is over: silence of both sides, or its greatest length."""

from dataclasses import dataclass, replace

from moshi_speaker.events import EndReason

ONE_BREATH_S = 1.0
"""Speech that was going on when the talk began may be the wake word alone, which voice activity
outlasts by some tenths of a second. Only if it goes on for this long was more said."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Who is speaking."""

    quiet_since: float | None
    """Since when neither speaks, in seconds; None while somebody does."""
    user: bool = False
    moshi: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """The end of a talk in which nothing more happens."""

    at: float
    """Seconds of the speaker's clock."""
    reason: EndReason


def user_speaks(floor: Floor, speaking: bool, now: float) -> Floor:
    """The user began or ceased to speak."""
    return _since(replace(floor, user=speaking), now)


def moshi_speaks(floor: Floor, speaking: bool, now: float) -> Floor:
    """Moshi began or ceased to speak."""
    return _since(replace(floor, moshi=speaking), now)


def end_of_talk(
    floor: Floor, started_at: float, spoken: bool, end_silence_s: float, max_conversation_s: float
) -> End:
    """When and why the talk ends if nothing more happens.

    ``spoken``: somebody has said something since it began. Silence in which nobody ever spoke has a
    reason of its own, so that false wakes can be told from talks.
    """
    cap = End(started_at + max_conversation_s, EndReason.CAP)
    if floor.quiet_since is None:
        return cap
    over = max(started_at, floor.quiet_since) + end_silence_s
    silence = End(over, EndReason.SILENCE if spoken else EndReason.NO_SPEECH)
    return min(silence, cap, key=lambda end: end.at)


def _since(floor: Floor, now: float) -> Floor:
    if floor.user or floor.moshi:
        return replace(floor, quiet_since=None)
    return floor if floor.quiet_since is not None else replace(floor, quiet_since=now)
