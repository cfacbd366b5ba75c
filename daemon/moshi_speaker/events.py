"""The shared language of the parts: what happened (past tense) and what to do (imperative).

Every time ``at`` is in seconds of the speaker's monotonic clock.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What the speaker is doing; published as it is."""

    STARTING = "starting"
    LOADING = "loading"
    IDLE = "idle"
    CONVERSATION = "conversation"
    MUTED = "muted"
    ERROR = "error"
    STOPPING = "stopping"


class EndReason(StrEnum):
    """Why a conversation ended; published as it is."""

    SILENCE = "silence"
    STOP = "stop"
    MUTE = "mute"
    GOODBYE = "goodbye"
    CAP = "cap"
    NO_SPEECH = "no_speech"
    LAG = "lag"
    ENGINE_LOST = "engine_lost"
    DEVICE_LOST = "device_lost"
    SHUTDOWN = "shutdown"


class Earcon(StrEnum):
    """The short sounds the speaker makes by itself."""

    WAKE = "wake"
    END = "end"
    ERROR = "error"


# --- What happened -----------------------------------------------------------------------------


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
    """The microphone or the loudspeaker went away."""

    message: str
    """One line for the user."""


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


# --- What to do --------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class ReportState:
    """Say what the speaker is doing now."""

    state: State


@dataclass(frozen=True, slots=True)
class ReportMute:
    """Say whether the microphone is muted now."""

    on: bool


@dataclass(frozen=True, slots=True)
class ReportVolume:
    """Say how loud everything is played now."""

    percent: int
    """0 to 100."""


@dataclass(frozen=True, slots=True)
class ReportWake:
    """Say that the wake word was heard."""

    wake_word: str
    score: float
    at: float


@dataclass(frozen=True, slots=True)
class ReportConversationStarted:
    """Say that a conversation began."""

    conversation_id: str
    trigger: str
    """``wake_word`` or who asked (``mqtt``)."""
    at: float


@dataclass(frozen=True, slots=True)
class ReportConversationEnded:
    """Say that a conversation is over, and why."""

    conversation_id: str
    trigger: str
    reason: EndReason
    duration_s: float
    turns: int
    """Utterances of Moshi in this conversation."""
    at: float


@dataclass(frozen=True, slots=True)
class ReportTranscript:
    """Say what Moshi said."""

    conversation_id: str
    text: str
    turns: int
    """Utterances of Moshi so far, this one included."""
    at: float


@dataclass(frozen=True, slots=True)
class ReportProblem:
    """Say that something is wrong, or (with no code) that all is well again."""

    code: str
    """``engine``, ``too_slow``, ``device`` or the empty string."""
    message: str
    at: float


@dataclass(frozen=True, slots=True)
class ReportDiagnostics:
    """Say how the engine fares; None is what is not known."""

    model: str | None
    """Repo id or folder of the model that talks."""
    replaces: str | None
    """The model that was asked for, and too slow; None when it is this one."""
    blas: str | None
    """Which library multiplies matrices, in words."""
    benchmark_ms: float | None
    """Milliseconds that a frame took when the engine was started, as a median."""
    realtime_factor: float | None
    """Time of computing over time of sound, in the present or the last talk; before the first one, in the
    benchmark."""
    latency_p50_ms: float | None
    """From the end of a frame to its answer, in the newest minute of the present or the last talk."""
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    backlog: int
    """Frames that were not yet answered at the newest answer."""
    dropped_frames: int
    """Frames that Moshi never heard because the engine was too far behind, since the start of the speaker."""
    memory_active_bytes: int | None
    """In use by the model."""
    memory_peak_bytes: int | None
    memory_cache_bytes: int | None
    """Freed, and kept for the next frame."""
    started_at: float
    """When the speaker was started."""


Report = (
    ReportState
    | ReportMute
    | ReportVolume
    | ReportWake
    | ReportConversationStarted
    | ReportConversationEnded
    | ReportTranscript
    | ReportProblem
    | ReportDiagnostics
)
"""What goes out to MQTT."""

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
