"""What the house is told."""

from dataclasses import dataclass

from moshi_speaker.events.figures import HearingFigures, ProcessFigures, SoundFigures
from moshi_speaker.events.terms import EndReason, Json, ProblemSource, Side, State, Transaction


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
class ReportAnswer:
    """Answer a request."""

    command: str
    """Last part of its topic: ``set``, ``health``, ..."""
    data: Json = None
    """What was asked for; None where it was refused."""
    error: str = ""
    """Why it was refused, in one line; empty when it was not."""
    transaction: Transaction = None
    """The one of the request."""


@dataclass(frozen=True, slots=True)
class ReportWakeSensitivity:
    """Say how sensitive the wake words are now."""

    sensitivity: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class ReportWakeWord:
    """Say which wake word is listened for now."""

    option: str
    """One of those that discovery offers; ``off`` for none."""


@dataclass(frozen=True, slots=True)
class ReportLogLine:
    """Say what the log says."""

    level: str
    """``error``, ``warning`` or ``info``."""
    message: str
    """One line; never what somebody said."""
    at: float


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
    """Say what one side said."""

    conversation_id: str
    text: str
    turns: int
    """Utterances of Moshi so far, this one included."""
    at: float
    side: Side = Side.ASSISTANT


@dataclass(frozen=True, slots=True)
class ReportProblem:
    """Say that something is wrong, or (with no code) that what this source said before is over."""

    code: str
    """``engine``, ``too_slow``, ``device``, ``microphone_silent``, ``front_end``, ``history``,
    ``duplicate_id`` or the empty string."""
    message: str
    at: float
    source: ProblemSource = ProblemSource.SPEAKER
    """Several things may be wrong at once, one of each source."""


@dataclass(frozen=True, slots=True)
class ReportHealth:
    """Say how the process, its links and its parts fare; None is what is not known."""

    process: ProcessFigures
    sound: SoundFigures | None
    mqtt: Json
    """How the link to the broker fares, as an object."""
    history: Json
    """How much is kept, as an object."""
    problems: Json
    """What is wrong now, as a list."""


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
    hearing: HearingFigures | None = None
    """How hearing fares."""


Happened = ReportWake | ReportConversationStarted | ReportConversationEnded | ReportTranscript
"""Reports of what happens once, in distinction from those of what holds for some time."""

Report = (
    ReportState
    | ReportMute
    | ReportVolume
    | ReportWakeSensitivity
    | ReportWakeWord
    | ReportAnswer
    | ReportLogLine
    | ReportWake
    | ReportConversationStarted
    | ReportConversationEnded
    | ReportTranscript
    | ReportProblem
    | ReportDiagnostics
    | ReportHealth
)
"""What goes out to MQTT."""
