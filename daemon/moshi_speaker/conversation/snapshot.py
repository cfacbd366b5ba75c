"""All that the conversation machine remembers, and what follows from it."""

from dataclasses import dataclass, field

from moshi_speaker.conversation.ending import Floor
from moshi_speaker.conversation.utterance import Utterance
from moshi_speaker.events import State


@dataclass(frozen=True, slots=True)
class Conversation:
    """The talk that is going on."""

    id: str
    """Unique over all talks of all speakers' lives."""
    trigger: str
    """``wake_word``, or who asked for it."""
    session: int
    """The engine's session in it."""
    started_at: float
    """Seconds of the speaker's clock."""
    answered: bool = False
    """The user has said something since it began."""
    goodbye: bool = False
    """Moshi's latest words were a farewell."""
    turns: int = 0
    """Utterances of Moshi so far."""
    utterance: Utterance = field(default_factory=Utterance)
    """What Moshi is saying."""


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """What is known of the engine."""

    ready_since: float | None = None
    """When it became ready, in seconds; None while it is not."""
    due: float | None = None
    """When it must be ready, in seconds; None if it is, or if it will never be."""
    losses: int = 0
    """Losses in a row, without a healthy period between them."""
    problem: str | None = None
    """Why it was lost, or keeps no pace; None when all is well."""
    code: str = "engine"
    """What kind of problem that is."""
    fatal: bool = False
    """No restart would help."""


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """What is known of the microphone and the loudspeaker."""

    problem: str | None = None
    """Why they are closed, or of no use; None while all is well."""
    due: float | None = None
    """When the present try to open them must be over, in seconds; None while all is well."""
    code: str = "device"
    """What kind of problem that is."""
    losses: int = 0
    """Losses in a row, without a healthy period between them; a try that fails is one."""
    restored_at: float | None = None
    """When they were opened again, in seconds; None before the first loss, and while they are lost."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that decides what the speaker does next."""

    state: State
    entered_at: float
    """When the state was entered, in seconds."""
    floor: Floor = field(default_factory=Floor)
    muted: bool = False
    sessions: int = 0
    """Talks so far; the number of the latest one."""
    word_at: float | None = None
    """When the latest wake word ended that began or ended a talk, in seconds; None before the first."""
    conversation: Conversation | None = None
    """Present in the state conversation, and only there."""
    engine: EngineHealth = EngineHealth()
    device: DeviceHealth = DeviceHealth()
    given_up: bool = False
    """The process was told to end at once."""


def initial(now: float, *, muted: bool = False) -> Snapshot:
    """The speaker at the start of its process."""
    return Snapshot(state=State.STARTING, entered_at=now, muted=muted)


def state_of(snapshot: Snapshot) -> State:
    """The state that follows from the facts; starting and stopping are facts themselves."""
    if snapshot.state in (State.STARTING, State.STOPPING):
        return snapshot.state
    if snapshot.device.problem is not None or snapshot.engine.fatal:
        return State.ERROR
    if snapshot.engine.ready_since is None:
        return State.LOADING
    if snapshot.conversation is not None:
        return State.CONVERSATION
    return State.MUTED if snapshot.muted else State.IDLE


def problem_of(snapshot: Snapshot) -> tuple[str, str]:
    """Code and message of the worst problem, both empty without one. Sound comes before the engine."""
    if snapshot.device.problem is not None:
        return snapshot.device.code, snapshot.device.problem
    if snapshot.engine.problem is not None:
        return snapshot.engine.code, snapshot.engine.problem
    return "", ""
