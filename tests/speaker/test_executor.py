"""One thread for calls that block: in order, with their results, and never in the way of the end."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from moshi_speaker.speaker.executor import DaemonExecutor

PATIENCE_S = 10.0
SOURCES = Path(__file__).parents[2] / "daemon"


@pytest.fixture
def executor() -> Iterator[DaemonExecutor]:
    made = DaemonExecutor("test")
    yield made
    made.shutdown()
    made.shutdown()


def test_calls_are_made_in_order_on_one_thread(executor: DaemonExecutor) -> None:
    calls = [executor.submit(lambda number: (number, threading.current_thread().name), n) for n in range(20)]
    assert [call.result(PATIENCE_S) for call in calls] == [(number, "test") for number in range(20)]


def test_an_error_is_raised_where_the_result_is_wanted(executor: DaemonExecutor) -> None:
    failed = executor.submit(int, "not a number")
    with pytest.raises(ValueError, match="not a number"):
        failed.result(PATIENCE_S)
    assert executor.submit(int, "7").result(PATIENCE_S) == 7


def test_a_cancelled_call_is_not_made(executor: DaemonExecutor) -> None:
    go = threading.Event()
    made: list[str] = []
    executor.submit(go.wait, PATIENCE_S)
    cancelled = executor.submit(made.append, "cancelled")
    last = executor.submit(made.append, "last")
    assert cancelled.cancel()
    go.set()
    last.result(PATIENCE_S)
    assert made == ["last"]


def test_shutdown_waits_for_the_calls_and_ends_the_thread() -> None:
    executor = DaemonExecutor("to be shut down")
    call = executor.submit(int, "7")
    executor.shutdown()
    assert call.done()
    assert "to be shut down" not in {thread.name for thread in threading.enumerate()}


def test_a_call_that_hangs_does_not_keep_the_process_alive() -> None:
    program = (
        "import threading; from moshi_speaker.speaker.executor import DaemonExecutor\n"
        "busy = threading.Event()\n"
        "def hang(): busy.set(); threading.Event().wait()\n"
        "DaemonExecutor('hangs').submit(hang); busy.wait()\n"
    )
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(SOURCES)}, check=True, timeout=30)
