"""Whose speech counts: the user's above the noise of the room and above our own echo, Moshi's by its words.

Pure: measured values and times in, transitions out.
"""

from dataclasses import dataclass
from math import exp

from moshi_speaker.audio.activity import FLOOR_DBFS, LevelGate, SpeechGate, Transition

RISE_DB_PER_S = 1.5
"""How fast the noise floor follows louder noise: far slower than speech comes and goes."""
FALL_S = 0.25
"""Time constant with which it follows softer noise: one odd frame does not bring it down."""
HIGHEST_START_DBFS = -45.0
"""Where it begins at most: the first thing that is heard may be speech."""


class NoiseFloor:
    """The level of the noise of the room, by its minima: it rises slowly and falls fast.

    A recursive form of the minimum statistics of Martin (2001), without a bias correction, which the margin
    above it makes up for.
    """

    def __init__(self) -> None:
        self._level: float | None = None
        self._at = 0.0

    @property
    def level_dbfs(self) -> float:
        """The floor now; -120 before anything was heard."""
        return FLOOR_DBFS if self._level is None else self._level

    def feed(self, level_dbfs: float, at: float, *, rising: bool = True) -> float:
        """Take the level of the sound at ``at``, in seconds, and give the floor.

        Not ``rising`` where we know that what is heard is no noise of the room. Digital silence is none
        either: it comes from a driver.
        """
        if level_dbfs <= FLOOR_DBFS:
            return self.level_dbfs
        if self._level is None:
            self._level, self._at = min(level_dbfs, HIGHEST_START_DBFS), at
            return self._level
        passed, self._at = max(0.0, at - self._at), at
        if level_dbfs < self._level:
            self._level += (level_dbfs - self._level) * (1.0 - exp(-passed / FALL_S))
        elif rising:
            self._level = min(level_dbfs, self._level + RISE_DB_PER_S * passed)
        return self._level


@dataclass(frozen=True, slots=True)
class SpeechBounds:
    """What makes a sound the user's speech."""

    threshold: float
    """Probability of speech, 0 to 1."""
    margin_db: float
    """So much louder than the noise of the room."""
    below_db: float
    """And not so much softer than the speech near the microphone."""


class UserSpeech:
    """Whether the user speaks, from frame to frame."""

    def __init__(self, bounds: SpeechBounds) -> None:
        self._bounds = bounds
        self._gate = SpeechGate(bounds.threshold)
        self._floor = NoiseFloor()
        self._near: float | None = None
        self._loudest: float | None = None

    def set(self, bounds: SpeechBounds) -> None:
        """Other bounds hold from now on; speech that goes on goes on."""
        self._bounds = bounds
        self._gate.set_threshold(bounds.threshold)

    def begin(self, near_dbfs: float | None) -> None:
        """A talk begins; ``near_dbfs`` is how loud the wake word was, None without one.

        Without one the loudest speech of the talk takes its place.
        """
        self._near, self._loudest = near_dbfs, None

    def feed(self, probability: float, level_dbfs: float, echo_dbfs: float, at: float) -> Transition | None:
        """Judge the frame at ``at``: probability of speech, its level, and that of the echo left in it."""
        noise = self._floor.feed(level_dbfs, at, rising=echo_dbfs <= FLOOR_DBFS)
        heard = level_dbfs >= noise + self._bounds.margin_db and level_dbfs > echo_dbfs
        counts = heard and not self._far(level_dbfs)
        transition = self._gate.feed(probability if counts else 0.0, at)
        if counts and self._gate.active:
            self._loudest = level_dbfs if self._loudest is None else max(level_dbfs, self._loudest)
        return transition

    def reset(self) -> None:
        """Nobody is heard any more; the noise of the room is remembered."""
        self._gate.reset()

    def _far(self, level_dbfs: float) -> bool:
        near = self._loudest if self._near is None else self._near
        return near is not None and level_dbfs < near - self._bounds.below_db


@dataclass(frozen=True, slots=True)
class VoiceBounds:
    """What makes a sound of Moshi's no speech."""

    pad_s: float
    """Seconds without a word after which soft sounds do not count."""
    breath_dbfs: float
    """What is soft."""


class MoshiSpeech:
    """Whether Moshi speaks, from frame to frame: by its sound, but not by its breath."""

    def __init__(self, bounds: VoiceBounds) -> None:
        self.bounds = bounds
        self._gate = LevelGate()
        self._words_at: float | None = None

    def feed(self, level_dbfs: float, words: bool, at: float) -> Transition | None:
        """Judge the frame at ``at``: how loud it is, and whether its text is one of words, not of padding."""
        if words:
            self._words_at = at
        padding = self._words_at is None or at - self._words_at >= self.bounds.pad_s
        breath = padding and level_dbfs < self.bounds.breath_dbfs
        return self._gate.feed(FLOOR_DBFS if breath else level_dbfs, at)

    def reset(self) -> None:
        """A talk begins."""
        self._gate.reset()
        self._words_at = None
