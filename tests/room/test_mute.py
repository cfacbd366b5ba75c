"""Mute over a restart, by the whole program on a virtual sound card."""

import os
import signal
import subprocess
import time

import pytest

from tests.program import Program
from tests.room.house import HEARD_S, QUESTION, Room


def listens(room: Room, program: Program) -> int:
    """How many microphones the program has open."""
    found = subprocess.run(
        ["pactl", "list", "source-outputs"],
        env=os.environ | room.card.environment | {"LC_ALL": "C"},
        check=True,
        timeout=20,
        capture_output=True,
        text=True,
    )
    return sum(found.stdout.count(f'application.process.id = "{pid}"') for pid in program.family)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_muted_speaker_is_muted_after_the_restart_and_hears_after_the_unmute(
    room: Room, end: signal.Signals
) -> None:
    with room.speaker() as speaker:
        witness, program = speaker.witness, speaker.program
        witness.expect("state", "idle")
        witness.send("mute/set", "ON")
        witness.expect("mute", "ON")
        witness.expect("state", "muted")
        program.send_signal(end)
        program.wait()
    with room.speaker() as speaker:
        witness = speaker.witness
        witness.expect("mute", "ON")
        witness.expect("state", "muted")
        assert listens(room, speaker.program) == 0
        room.card.speak(QUESTION)
        time.sleep(1.0)
        assert not any(heard.topic == "event/wake" for heard in witness.heard)
        witness.forget()
        witness.send("mute/set", "OFF")
        witness.expect("mute", "OFF")
        witness.expect("state", "idle")
        room.wake(lambda: witness.expect("event/wake", within_s=HEARD_S))
        witness.expect("state", "conversation")
        assert listens(room, speaker.program) == 1
