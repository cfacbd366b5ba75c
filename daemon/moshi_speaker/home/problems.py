"""What is wrong: several things may be at once, one of each source."""

from dataclasses import dataclass

from moshi_speaker.events import ProblemSource, ReportProblem


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    code: str
    message: str
    since: str
    """Date and time."""


class Problems:
    """The latest from each source. What keeps the speaker from talking is shown before all else."""

    def __init__(self) -> None:
        """Nothing is wrong."""
        self._known: dict[ProblemSource, Problem] = {}

    def note(self, report: ReportProblem, at: str) -> None:
        """Something is wrong, or over; ``at`` is the date and time of the report."""
        before = self._known.pop(report.source, None)
        if report.code:
            since = before.since if before and before.code == report.code else at
            self._known[report.source] = Problem(report.code, report.message, since)

    @property
    def shown(self) -> Problem | None:
        """The gravest; None if nothing is wrong."""
        return next(iter(self._ranked()), None)

    @property
    def codes(self) -> list[str]:
        """Codes of all, the gravest first."""
        return [problem.code for problem in self._ranked()]

    def _ranked(self) -> list[Problem]:
        return [self._known[source] for source in ProblemSource if source in self._known]
