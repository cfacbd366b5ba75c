"""What a transition gets and gives, and what follows from it."""

from dataclasses import dataclass, replace

from moshi_speaker import events as ev
from moshi_speaker.conversation.limits import Limits
from moshi_speaker.conversation.snapshot import Snapshot, problem_of, state_of
from moshi_speaker.events import Effect

Change = tuple[Snapshot, tuple[Effect, ...]]
"""The snapshot after a transition, and what to do, in this order."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a transition may know besides the snapshot and the event."""

    now: float
    """Seconds of the speaker's clock."""
    limits: Limits
    boot_id: str
    """Differs at each start of the process."""


def settle(before: Snapshot, after: Snapshot, now: float) -> Change:
    """Bring the state in line with the facts, and report what differs from ``before``."""
    reports: list[Effect] = []
    state = state_of(after)
    if state is not before.state:
        after = replace(after, state=state, entered_at=now)
        reports.append(ev.ReportState(state))
    if problem_of(after) != problem_of(before):
        code, message = problem_of(after)
        reports.append(ev.ReportProblem(code, message, now))
    return after, tuple(reports)
