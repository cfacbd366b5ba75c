import json

import pytest

from moshi_speaker.events import ProblemSource, ReportProblem
from moshi_speaker.home.rival import GONE_S, MAX_BYTES, Rival, new_instance, stranger

OURS = "here/7/0123abcd"


def diagnostics(instance: object) -> bytes:
    return json.dumps({"model": None, "instance": instance}).encode()


def test_our_own_diagnostics_are_recognised() -> None:
    instance = new_instance()
    assert stranger(diagnostics(instance), instance) is None
    assert stranger(diagnostics(instance), OURS) is not None
    assert new_instance() != instance


def test_another_speaker_is_named() -> None:
    assert stranger(diagnostics("macmini.local/4711/89abcdef"), OURS) == "process 4711 on macmini.local"
    assert stranger(diagnostics("here/7/89abcdef"), OURS) == "process 7 on here"


@pytest.mark.parametrize(
    "instance", [None, 7, "", "a\nb/4711/89abcdef", "x" * 65 + "/1/89abcdef", "here/7/0123abcd\n"]
)
def test_one_that_does_not_say_who_it_is_is_one_too_and_is_not_quoted(instance: object) -> None:
    assert stranger(diagnostics(instance), OURS) == "an unknown one"
    assert stranger(b"{}", OURS) == "an unknown one"


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"null", b"[]", b"7", b"[" * 100_000, diagnostics("a/1/89abcdef") + b" " * MAX_BYTES],
)
def test_what_no_speaker_says_is_no_sign_of_one(payload: bytes) -> None:
    assert stranger(payload, OURS) is None


def test_it_is_a_problem_from_the_first_sign_until_there_is_none_for_long() -> None:
    rival = Rival()
    begun = rival.noticed("process 4711 on macmini", 100.0)
    assert begun is not None
    assert (begun.code, begun.source, begun.at) == ("duplicate_id", ProblemSource.IDENTITY, 100.0)
    assert "process 4711 on macmini" in begun.message
    assert "speaker.id" in begun.message
    assert rival.noticed("process 4711 on macmini", 130.0) is None
    assert rival.over_at == 130.0 + GONE_S
    assert rival.passed(130.0 + GONE_S - 0.1) is None
    assert rival.passed(130.0 + GONE_S) == ReportProblem("", "", 225.0, ProblemSource.IDENTITY)
    assert rival.passed(1_000.0) is None


def test_it_is_told_again_when_it_was_gone_or_is_another_one() -> None:
    rival = Rival()
    assert rival.noticed("a", 0.0) is not None
    assert rival.noticed("b", 1.0) is not None
    assert rival.passed(1.0 + GONE_S) is not None
    assert rival.noticed("b", 200.0) is not None
