from moshi_speaker.events import ProblemSource, ReportProblem
from moshi_speaker.home.problems import Problem, Problems


def noted(*reports: tuple[str, ProblemSource]) -> Problems:
    problems = Problems()
    for minute, (code, source) in enumerate(reports):
        problems.note(ReportProblem(code, f"message {minute}", 0.0, source), f"12:0{minute}")
    return problems


def test_in_the_beginning_nothing_is_wrong() -> None:
    assert Problems().shown is None
    assert Problems().codes == []


def test_each_source_has_its_own_problem_and_the_speakers_is_shown_first() -> None:
    problems = noted(
        ("duplicate_id", ProblemSource.IDENTITY),
        ("history", ProblemSource.HISTORY),
        ("engine", ProblemSource.SPEAKER),
    )
    assert problems.shown == Problem("engine", "message 2", "12:02")
    assert problems.codes == ["engine", "history", "duplicate_id"]


def test_one_that_is_over_leaves_the_others() -> None:
    problems = noted(
        ("engine", ProblemSource.SPEAKER), ("history", ProblemSource.HISTORY), ("", ProblemSource.SPEAKER)
    )
    assert problems.shown == Problem("history", "message 1", "12:01")
    assert problems.codes == ["history"]
    problems.note(ReportProblem("", "", 0.0, ProblemSource.HISTORY), "12:09")
    assert problems.shown is None


def test_one_that_goes_on_with_other_words_is_as_old_as_it_was() -> None:
    problems = noted(("device", ProblemSource.SPEAKER), ("device", ProblemSource.SPEAKER))
    assert problems.shown == Problem("device", "message 1", "12:00")


def test_one_that_became_another_began_with_that() -> None:
    problems = noted(("device", ProblemSource.SPEAKER), ("microphone_silent", ProblemSource.SPEAKER))
    assert problems.shown == Problem("microphone_silent", "message 1", "12:01")


def test_what_was_not_wrong_cannot_be_over() -> None:
    assert noted(("", ProblemSource.HISTORY)).shown is None
