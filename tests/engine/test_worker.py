"""The engine process on its own: how it starts, and that it never outlives its parent."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import moshi_speaker
from moshi_speaker.engine.messages import Close, Configure, Failed, Message, Ready, Status
from moshi_speaker.engine.protocol import Decoder, encode
from moshi_speaker.settings import EngineSettings, ModelSettings

PATIENCE_S = 20.0
WORKER = (sys.executable, "-P", "-m", "moshi_speaker.engine.worker", "--dialogue", "fake_dialogue:load")
PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
sys.stdout.buffer.write(b"%d\\n" % child.pid)
sys.stdout.flush()
child.stdin.write(sys.stdin.buffer.read())
child.stdin.flush()
sys.stdout.buffer.write(child.stdout.read(14))
sys.stdout.flush()
child.wait()
"""


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = (Path(moshi_speaker.__file__).parents[1], Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))


@pytest.fixture
def worker(environment: None) -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(WORKER, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        yield process
        process.kill()


def configure(source: str) -> bytes:
    return encode(
        Configure(ModelSettings(source=source), EngineSettings(warmup_frames=1, benchmark_frames=3))
    )


def talk(worker: subprocess.Popen[bytes], data: bytes) -> list[Message]:
    """What the worker says to this and the end of the input."""
    output, _ = worker.communicate(data, timeout=PATIENCE_S)
    return Decoder().feed(output)


def told(worker: subprocess.Popen[bytes], kind: type[Message]) -> None:
    """Wait until the worker has said a message of this kind."""
    assert worker.stdout is not None
    decoder = Decoder()
    while not any(
        isinstance(message, kind) for message in decoder.feed(os.read(worker.stdout.fileno(), 4_096))
    ):
        pass


def test_the_end_of_the_input_ends_the_process_in_order(worker: subprocess.Popen[bytes]) -> None:
    assert worker.stdin is not None
    worker.stdin.write(configure("echo"))
    worker.stdin.flush()
    told(worker, Ready)
    assert talk(worker, b"") == []
    assert worker.returncode == 0


def test_close_ends_the_process_though_the_input_stays_open(worker: subprocess.Popen[bytes]) -> None:
    assert worker.stdin is not None
    worker.stdin.write(configure("echo") + encode(Close()))
    worker.stdin.flush()
    assert worker.wait(PATIENCE_S) == 0


def test_the_end_of_the_input_ends_even_a_load_that_never_ends(worker: subprocess.Popen[bytes]) -> None:
    talk(worker, configure("endless"))
    assert worker.returncode == 0


def test_a_failed_load_is_told_and_sets_the_exit_code(worker: subprocess.Popen[bytes]) -> None:
    assert worker.stdin is not None
    worker.stdin.write(configure("absent"))
    worker.stdin.flush()
    assert worker.wait(PATIENCE_S) == 69
    assert talk(worker, b"") == [
        Status("loading absent"),
        Failed("CheckpointError", "no such model", "absent", "name another"),
    ]


def test_garbage_from_the_parent_is_told(worker: subprocess.Popen[bytes]) -> None:
    (failed,) = talk(worker, b"this is no protocol")
    assert isinstance(failed, Failed)
    assert failed.error == "ProtocolError"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends the child with its parent")
def test_a_child_that_is_stuck_dies_with_a_parent_that_is_killed(environment: None) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen((sys.executable, "-c", PARENT, *WORKER), stdin=pipe, stdout=pipe) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        try:
            parent.stdin.write(configure("seized"))
            parent.stdin.close()
            assert parent.stdout.read(14)
            parent.send_signal(signal.SIGKILL)
            assert select.select([child], [], [], PATIENCE_S)[0]
        finally:
            os.close(child)
