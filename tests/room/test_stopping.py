"""Ctrl-C and SIGTERM in every phase of a speaker's life, on a virtual sound card."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.room.house import Room, Speaker

LIMIT_S = 5.0


def loading(speaker: Speaker) -> None:
    speaker.witness.expect("state", "loading")


def idle(speaker: Speaker) -> None:
    speaker.witness.expect("state", "idle")


def talking(speaker: Speaker) -> None:
    idle(speaker)
    speaker.witness.send("conversation/set", "start")
    speaker.witness.expect("state", "conversation")


def talking_to_an_engine_that_hangs(speaker: Speaker) -> None:
    talking(speaker)
    os.kill(speaker.program.engine, signal.SIGSTOP)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("phase", [loading, idle, talking, talking_to_an_engine_that_hangs])
def test_a_signal_ends_the_speaker_in_order(
    room: Room, phase: Callable[[Speaker], None], number: signal.Signals
) -> None:
    with room.speaker() as speaker:
        phase(speaker)
        code, seconds = speaker.program.stop(number)
        speaker.witness.expect("availability", "offline")
        left = speaker.program.family
    assert code == 0, speaker.program.stderr.text
    assert seconds < LIMIT_S
    assert left == []
    assert speaker.witness.latest("state") == "stopping"
    assert "Traceback" not in speaker.program.stderr.text
    ends = [
        message.fields["reason"] for message in speaker.witness.heard if message.topic == "event/conversation"
    ]
    assert ends == ([None, "shutdown"] if "talking" in phase.__name__ else [])
