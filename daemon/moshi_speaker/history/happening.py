"""What the history is told: something that happened once, and what the broker shall hear of it."""

from dataclasses import dataclass

from moshi_speaker.events import (
    Happened,
    ReportConversationEnded,
    ReportConversationStarted,
    ReportTranscript,
    ReportWake,
)


@dataclass(frozen=True, slots=True)
class Happening:
    """One of them, with its name and its time."""

    event_id: str
    """Never used again."""
    report: Happened
    at: float
    """Seconds since 1970."""
    payload: str
    """JSON, as it goes to the broker."""
    topic: str | None
    """Where it goes there; None: nowhere."""
    retain: bool = False
    """The broker keeps it as the current value of its topic."""


def kind(report: Happened) -> str:
    """Its name in the table of events."""
    match report:
        case ReportWake():
            return "wake"
        case ReportConversationStarted():
            return "started"
        case ReportConversationEnded():
            return "ended"
        case ReportTranscript():
            return "transcript"


def conversation(report: Happened) -> str | None:
    """The id of the conversation that it belongs to."""
    return None if isinstance(report, ReportWake) else report.conversation_id
