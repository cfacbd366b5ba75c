"""What happened: the events from which the conversation machine decides."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeakerStarted:
    """The parts other than the engine are open; the engine begins to load."""


@dataclass(frozen=True, slots=True)
class EngineProgressed:
    """The engine that starts gave a sign of life, such as a part of a download."""


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The engine has loaded its model and warmed up."""

    model: str
    """Repo id or folder of the model."""
    too_slow: str = ""
    """Why it is too slow for this machine, in one line for the user; empty when it is not."""


@dataclass(frozen=True, slots=True)
class EngineLost:
    """The engine process died, hangs, or could not start."""

    message: str
    """One line for the user."""
    fatal: bool = False
    """A restart would not help (no weights, bad checkpoint, a machine that is too slow)."""
    code: str = "engine"
    """What kind of problem that is: ``engine`` or ``too_slow``."""


@dataclass(frozen=True, slots=True)
class EngineLagged:
    """The engine has answered too late for too long."""

    seconds: float
    """How far behind it is."""


@dataclass(frozen=True, slots=True)
class WakeDetected:
    """The wake word was heard."""

    wake_word: str
    score: float
    """0 to 1."""
    at: float
    """Capture time of the end of the wake word."""


@dataclass(frozen=True, slots=True)
class StartRequested:
    """Somebody asked for a conversation without the wake word."""

    trigger: str = "mqtt"


@dataclass(frozen=True, slots=True)
class StopRequested:
    """Somebody asked to end the conversation."""


@dataclass(frozen=True, slots=True)
class MuteRequested:
    """Somebody asked to mute or unmute the microphone."""

    on: bool


@dataclass(frozen=True, slots=True)
class VolumeRequested:
    """Somebody asked for another loudness."""

    percent: int
    """0 to 100."""


@dataclass(frozen=True, slots=True)
class UserSpeechStarted:
    """Voice activity began at the microphone."""


@dataclass(frozen=True, slots=True)
class UserSpeechEnded:
    """Voice activity ended at the microphone."""


@dataclass(frozen=True, slots=True)
class MoshiSpeechStarted:
    """Moshi's voice became audible."""


@dataclass(frozen=True, slots=True)
class MoshiSpeechEnded:
    """Moshi's voice fell silent."""


@dataclass(frozen=True, slots=True)
class MoshiSpoke:
    """The engine answered one frame; its text becomes part of an utterance."""

    session: int
    text: str
    """What this frame adds to the text, with its own leading space; often empty."""
    silent: bool
    """The text token of this frame was padding."""


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """The microphone or the loudspeaker went away, or is of no use."""

    message: str
    """One line for the user."""
    code: str = "device"
    """What kind of problem that is: ``device``, or ``microphone_silent`` for one that gives zeros alone."""


@dataclass(frozen=True, slots=True)
class DeviceRestored:
    """The microphone and the loudspeaker are open again."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The state's deadline, as the machine gave it, is over."""


@dataclass(frozen=True, slots=True)
class ShutdownRequested:
    """A signal, or the end of a demo: end everything."""


Event = (
    SpeakerStarted
    | EngineProgressed
    | EngineReady
    | EngineLost
    | EngineLagged
    | WakeDetected
    | StartRequested
    | StopRequested
    | MuteRequested
    | VolumeRequested
    | UserSpeechStarted
    | UserSpeechEnded
    | MoshiSpeechStarted
    | MoshiSpeechEnded
    | MoshiSpoke
    | DeviceLost
    | DeviceRestored
    | DeadlinePassed
    | ShutdownRequested
)
