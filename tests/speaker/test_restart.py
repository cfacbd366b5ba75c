import os
import sys

import pytest

from moshi_speaker.errors import BadCommand, SpeakerError
from moshi_speaker.speaker import restart
from moshi_speaker.speaker.restart import MAX_RESTARTS, VARIABLE, WINDOW_S, Restarts, replace_process

NOW = 5_000.0


def known(*times: float) -> Restarts:
    """What a process knows whose predecessors were restarted then."""
    return Restarts({VARIABLE: " ".join(map(str, times))}, lambda: NOW)


def test_a_first_restart_may_be() -> None:
    Restarts({}, lambda: NOW).ask()


def test_a_storm_of_restarts_is_refused_with_the_time_at_which_it_may_be_again() -> None:
    times = [NOW - 100.0 + number for number in range(MAX_RESTARTS)]
    known(*times[1:]).ask()
    with pytest.raises(BadCommand) as caught:
        known(*times).ask()
    assert str(caught.value) == "the speaker was restarted 5 times within 10 minutes; ask again in 500 s"


def test_restarts_of_long_ago_do_not_count() -> None:
    known(*[NOW - WINDOW_S - 1.0] * 20).ask()


def test_restarts_of_another_life_of_the_machine_do_not_count() -> None:
    known(*[NOW + 1.0] * 20).ask()  # its clock began again


@pytest.mark.parametrize("text", ["nonsense", "1,2,3", "nan " * 20, "inf " * 20, "1e999 " * 20, "\0"])
def test_what_makes_no_sense_does_not_count(text: str) -> None:
    Restarts({VARIABLE: text}, lambda: NOW).ask()


def test_the_process_is_replaced_by_the_same_with_the_count_handed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "moshi_speaker", "run", "-c", "a b.yaml"])
    monkeypatch.setenv(VARIABLE, "1.0 2.0 3.0 4.0 5.0 6.0")
    monkeypatch.setenv("SOMETHING", "else")
    replace_process(7.25)
    ((program, arguments, environ),) = calls
    assert program == sys.executable
    assert arguments == [sys.executable, "-m", "moshi_speaker", "run", "-c", "a b.yaml"]
    assert environ[VARIABLE] == "3.0 4.0 5.0 6.0 7.2"
    assert environ["SOMETHING"] == "else"


def test_an_interpreter_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(
        SpeakerError, match=r"^/nowhere/python: cannot start again: No such file or directory;"
    ):
        replace_process(0.0)


def test_a_descriptor_that_a_sound_library_turned_off_is_mended(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    own = os.dup(2)
    stderr = os.fdopen(os.dup(2), "w")
    monkeypatch.setattr(sys, "stderr", stderr)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        restart._keep_stderr()
        os.write(2, b"heard\n")
    finally:
        os.dup2(own, 2)
        os.close(own)
        stderr.close()
    assert capfd.readouterr().err == "heard\n"
