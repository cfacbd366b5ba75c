"""When a talk is over: a farewell, silence of both sides, or its greatest length."""

from dataclasses import dataclass, replace

from moshi_speaker.conversation.limits import Limits
from moshi_speaker.events import EndReason

ONE_BREATH_S = 1.0
"""Speech that was going on when the talk began may be the wake word alone, which voice activity
outlasts by some tenths of a second. Only if it goes on for this long was more said."""
BREAK_S = 2.0
"""A pause of the user's side that is shorter does not make what comes after it a new speech: a television
takes breath too."""

NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Floor:
    """Who is speaking, and since when; times in seconds of the speaker's clock."""

    user: bool = False
    user_began: float = NEVER
    """When the latest speech of the user's side began, short pauses in it included."""
    user_ended: float = NEVER
    """When it was last silent."""
    moshi: bool = False
    """Its sound is heard."""
    moshi_began: float = NEVER
    moshi_ended: float = NEVER
    words_at: float = NEVER
    """When Moshi's text last had a word in it."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of a talk in which nothing more happens."""

    at: float
    """Seconds of the speaker's clock."""
    reason: EndReason


def user_speaks(floor: Floor, speaking: bool, now: float) -> Floor:
    """The user's side began or ceased to speak."""
    if speaking == floor.user:
        return floor
    if not speaking:
        return replace(floor, user=False, user_ended=now)
    new = now - floor.user_ended >= BREAK_S or floor.words_at > floor.user_began
    return replace(floor, user=True, user_began=now if new else floor.user_began)


def moshi_speaks(floor: Floor, speaking: bool, now: float) -> Floor:
    """Moshi became audible or fell silent."""
    if speaking == floor.moshi:
        return floor
    if speaking:
        return replace(floor, moshi=True, moshi_began=now)
    return replace(floor, moshi=False, moshi_ended=now)


def moshi_words(floor: Floor, now: float) -> Floor:
    """Moshi's text went on."""
    return replace(floor, words_at=now)


def end_of_talk(floor: Floor, started_at: float, *, answered: bool, goodbye: bool, limits: Limits) -> End:
    """When and why the talk ends if nothing more happens.

    ``answered``: the user has said something since it began; silence in which he never did has a reason of
    its own, so that false wakes can be told from talks. ``goodbye``: Moshi's latest words were a farewell.
    """
    cap = End(started_at + limits.max_conversation_s, EndReason.CAP)
    quiet = max(started_at, _user_until(floor, started_at, limits), _moshi_until(floor, limits))
    if goodbye:
        over = End(quiet + limits.goodbye_pause_s, EndReason.GOODBYE)
    elif answered:
        over = End(quiet + limits.end_silence_s, EndReason.SILENCE)
    else:
        over = End(quiet + min(limits.no_speech_s, limits.end_silence_s), EndReason.NO_SPEECH)
    return min(over, cap, key=lambda end: end.at)


def _user_until(floor: Floor, started_at: float, limits: Limits) -> float:
    """Until when the user's side counts as speaking: what never pauses is a television from a time on."""
    background = max(floor.user_began, started_at) + limits.background_speech_s
    return background if floor.user else min(floor.user_ended, background)


def _moshi_until(floor: Floor, limits: Limits) -> float:
    """Until when Moshi counts as speaking: by its words, and by sound that is not long without any."""
    wordless = max(floor.moshi_began, floor.words_at) + limits.moshi_wordless_s
    return max(floor.words_at, wordless if floor.moshi else min(floor.moshi_ended, wordless))
