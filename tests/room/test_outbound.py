"""Whom the whole speaker talks to: its broker, its own processes, and nobody else."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import moshi_speaker
from tests.mosquitto import Mosquitto
from tests.room.house import HEARD_S, Room
from tests.room.soundcard import open_soundcard

WATCHED = Path(__file__).parents[1] / "watched"
PACKAGES = Path(moshi_speaker.__file__).parents[1]
ENGINE = [["-P", "-m", f"moshi_speaker.engine.{part}"] for part in ("worker", "voice")]
"""The two processes of an engine, which talk through pipes."""


@dataclass(frozen=True)
class Deed:
    """Something that leads out of a process."""

    event: str
    arguments: list[Any]


class Watch:
    """What the speakers of a room did, as ``tests/watched`` wrote it down."""

    def __init__(self, file: Path) -> None:
        self._file = file
        path = os.pathsep.join((str(WATCHED), str(PACKAGES)))
        self.environment = {"PYTHONPATH": path, "WATCHED": str(file)}

    def deeds(self, *events: str) -> list[Deed]:
        """Those of these kinds, so far."""
        found = [Deed(**json.loads(line)) for line in self._file.read_text().splitlines()]
        return [deed for deed in found if deed.event in events]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path / "watched.jsonl")


@pytest.fixture
def watched_room(tmp_path: Path, mosquitto: Mosquitto, tiny_model: Path, watch: Watch) -> Iterator[Room]:
    with open_soundcard() as card:
        yield Room(tmp_path, card, mosquitto.port, tiny_model, watch.environment)


def test_a_whole_talk_reaches_the_broker_and_nobody_else(
    watched_room: Room, mosquitto: Mosquitto, watch: Watch
) -> None:
    # Not offline: a model in a folder needs no network, whatever that setting says.
    with watched_room.speaker() as speaker:
        witness = speaker.witness
        witness.expect("state", "idle")
        watched_room.wake(lambda: witness.expect("event/wake", within_s=HEARD_S))
        witness.expect("event/conversation", event_type="ended")
        witness.expect("state", "idle")
        assert speaker.program.stop()[0] == 0

    broker = ["127.0.0.1", mosquitto.port]
    assert watch.deeds("socket.sendto", "socket.sendmsg") == []
    reached = [deed.arguments[0] for deed in watch.deeds("socket.connect")]
    # paho wakes its own thread through a pair of sockets on the loopback interface, one for each connection.
    own = [address for address in reached if address != broker]
    assert {host for host, _ in own} == {"127.0.0.1"}
    assert len(own) == reached.count(broker) == 1
    asked = watch.deeds("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
    assert {(deed.event, *deed.arguments[:2]) for deed in asked} == {("socket.getaddrinfo", *broker)}
    started = watch.deeds("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn")
    programs = [deed.arguments[1] for deed in started]
    assert [words[1:] for words in programs if words[0] != "uname"] == ENGINE
    assert [words for words in programs if words[0] == "uname"] in ([], [["uname", "-p"]])
    processes = watch.deeds("start")
    assert len(processes) == 1 + len(ENGINE), "each of them was watched"
    assert all(Path(process.arguments[0]).name.startswith("python") for process in processes)


def test_the_watch_would_see_it(watch: Watch) -> None:
    import subprocess

    code = """
import socket, subprocess, sys, urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:9/")
except OSError:
    pass
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
subprocess.run([sys.executable, "-c", "import socket; socket.getaddrinfo('localhost', 80)"])
"""
    environment = os.environ | watch.environment
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, check=True)
    assert [deed.arguments[0] for deed in watch.deeds("socket.connect")] == [["127.0.0.1", 9]]
    assert len(watch.deeds("socket.sendto")) == 1
    assert len(watch.deeds("subprocess.Popen")) == 1
    assert ["localhost", 80] in [deed.arguments[:2] for deed in watch.deeds("socket.getaddrinfo")]
    assert len(watch.deeds("start")) == 2
