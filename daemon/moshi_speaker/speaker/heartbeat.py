"""Whether the speaker hears and speaks, as the data say and not the parts themselves.

Threads leave signs of life; the event loop looks at their ages once a second. Everything that should happen
again and again has a deadline while it is due, so that nothing can be deaf and look well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from moshi_speaker.audio.frames import Samples

STALL_S = 5.0
"""Seconds without a block of the microphone, or for the loudspeaker, after which the device is opened again;
a device that watches its own callbacks is quicker."""
HANG_S = 30.0
"""Seconds without a chunk for the wake word, or in a talk without an answer of the model, while sound comes
in. Both come twelve times a second; the engine's own supervisor is quicker (``engine.hang_timeout_s``)."""


class Part(StrEnum):
    """What can miss its deadline, in words for the user."""

    MICROPHONE = "the microphone"
    SILENCE = "the microphone's sound"
    LOUDSPEAKER = "the loudspeaker"
    FRONT_END = "the front end"
    ENGINE = "the engine"


@dataclass(frozen=True, slots=True)
class Ages:
    """Seconds since something happened last, or since it became due; None while it is not due."""

    captured_s: float | None
    """A block of the microphone; not due while it is off."""
    sounding_s: float | None
    """A sample of the microphone that was not zero. Zeros count as long as they come, not what does not."""
    scored_s: float | None
    """A chunk that the wake word's detector had a score for (or went past, if nobody listens for a word)."""
    stepped_s: float | None
    """A frame answered by the model; due in a talk."""
    played_s: float | None
    """A block for the loudspeaker."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A deadline that passed."""

    part: Part
    age_s: float
    """How long nothing has happened."""


def missed(ages: Ages, zero_input_s: float) -> Miss | None:
    """The first deadline that passed, the cause before its consequences; None if all is well.

    ``zero_input_s``: seconds of zeros after which the microphone counts as silent; 0 for never.
    """
    zeros_s = None
    if ages.captured_s is not None and ages.sounding_s is not None:
        zeros_s = ages.sounding_s - ages.captured_s
    deadlines = (
        (Part.MICROPHONE, ages.captured_s, STALL_S),
        (Part.LOUDSPEAKER, ages.played_s, STALL_S),
        (Part.SILENCE, zeros_s, zero_input_s or float("inf")),
        (Part.FRONT_END, ages.scored_s, HANG_S),
        (Part.ENGINE, ages.stepped_s, HANG_S),
    )
    for part, age_s, limit_s in deadlines:
        if age_s is not None and age_s > limit_s:
            return Miss(part, age_s)
    return None


class Signs:
    """When what happened last. Each is written by one thread, and read by the event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Nothing is due before ``restart``."""
        self._clock = clock
        self._open = False
        self._capturing = False
        self._captured_at = self._sounding_at = self._scored_at = self._played_at = 0.0
        self._stepped_at: float | None = None

    def restart(self, *, capturing: bool) -> None:
        """The device is open, or was switched: everything is due from now on, if the microphone is on."""
        self._captured_at = self._sounding_at = self._scored_at = self._played_at = self._clock()
        if self._stepped_at is not None:
            self._stepped_at = self._clock()
        self._open, self._capturing = True, capturing

    def close(self) -> None:
        """The device is not open: nothing is due but the answers of the model."""
        self._open = False

    def captured(self, samples: Samples) -> bool:
        """A block came; whether it has any sound."""
        self._captured_at = self._clock()
        sounds = bool(samples.any())
        if sounds:
            self._sounding_at = self._captured_at
        return sounds

    def scored(self) -> None:
        """The wake word's detector had a score for a chunk."""
        self._scored_at = self._clock()

    def played(self) -> None:
        """The loudspeaker took a block."""
        self._played_at = self._clock()

    def talk(self, on: bool) -> None:
        """A talk begins or ends."""
        self._stepped_at = self._clock() if on else None

    def stepped(self) -> None:
        """The model answered a frame of the talk."""
        if self._stepped_at is not None:
            self._stepped_at = self._clock()

    def ages(self, now: float) -> Ages:
        """How old they are."""
        hears = self._open and self._capturing
        stepped_at = self._stepped_at
        return Ages(
            captured_s=now - self._captured_at if hears else None,
            sounding_s=now - self._sounding_at if hears else None,
            scored_s=now - self._scored_at if hears else None,
            stepped_s=now - stepped_at if stepped_at is not None and hears else None,
            played_s=now - self._played_at if self._open else None,
        )
