"""What to do: the effects of the conversation machine's decisions."""

from dataclasses import dataclass

from moshi_speaker.events.reports import Report
from moshi_speaker.events.terms import Earcon


@dataclass(frozen=True, slots=True)
class StartSession:
    """Give the microphone to Moshi, with the sound captured since ``since``."""

    session: int
    since: float
    """Capture time of the first sample that Moshi shall hear."""


@dataclass(frozen=True, slots=True)
class StopSession:
    """Take the microphone from Moshi and forget what it was about to say."""

    session: int


@dataclass(frozen=True, slots=True)
class RestartEngine:
    """Start a new engine process after a pause."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class ReopenDevice:
    """Open the microphone and the loudspeaker again after a pause."""

    delay_s: float
    """The longest it may be; who does it makes it shorter by chance, so that nothing falls into step."""


@dataclass(frozen=True, slots=True)
class SetCapture:
    """Let the microphone run, or stop it."""

    on: bool


@dataclass(frozen=True, slots=True)
class SetVolume:
    """Play everything at another loudness."""

    percent: int
    """0 to 100."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the process at once: to start or to stop in order took too long."""

    message: str
    """One line for the user."""


@dataclass(frozen=True, slots=True)
class PlayEarcon:
    """Play one of our own short sounds."""

    earcon: Earcon
    pause_s: float = 0.0
    """Silence before it."""


Effect = (
    StartSession
    | StopSession
    | RestartEngine
    | ReopenDevice
    | SetCapture
    | SetVolume
    | GiveUp
    | PlayEarcon
    | Report
)
