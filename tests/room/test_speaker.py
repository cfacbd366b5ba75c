"""The whole speaker on a virtual sound card: talks, and engines that die or hang."""

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from moshi_speaker.events import Earcon
from tests.hearing import earcons_in, levels, piece
from tests.room.house import HEARD_S, Room, Speaker


@pytest.fixture(scope="module")
def running(room: Room) -> Iterator[Speaker]:
    with room.speaker() as speaker:
        speaker.witness.expect("availability", "online")
        speaker.witness.expect("state", "loading")
        speaker.witness.expect("state", "idle")
        yield speaker


@pytest.fixture
def speaker(running: Speaker) -> Speaker:
    """It is idle, and nothing of the test before is left to read."""
    running.witness.forget()
    assert running.witness.latest("state") == "idle"
    return running


@pytest.mark.parametrize("nth", ["first", "second"])
def test_hey_jarvis_leads_to_a_talk_that_ends_in_silence(room: Room, speaker: Speaker, nth: str) -> None:
    witness = speaker.witness
    with room.recording() as sounds:
        wake = room.wake(lambda: witness.expect("event/wake", within_s=HEARD_S)).fields
        witness.expect("conversation", "ON")
        started = witness.expect("event/conversation", event_type="started", trigger="wake_word").fields
        witness.expect("state", "conversation")
        said = witness.expect("transcript/assistant", event_type="final", conversation_id=started["id"])
        ended = witness.expect("event/conversation", event_type="ended", reason="silence").fields
        witness.expect("state", "idle")
    assert (wake["event_type"], wake["wake_word"]) == ("detected", "hey_jarvis")
    assert 0.5 <= wake["score"] <= 1.0
    assert said.fields["text"]
    assert ended["id"] == started["id"]
    assert ended["turns"] >= 1
    (wake_s, first), (end_s, last) = earcons_in(sounds[0])
    assert (first, last) == (Earcon.WAKE, Earcon.END)
    loudness = levels(piece(sounds[0], wake_s + 0.4, end_s))
    assert np.sum(loudness > -40.0) > 50, "a second of Moshi's voice at least"
    assert np.sum(loudness < -70.0) > 50, "and a second of silence"


def test_a_killed_engine_is_told_and_restarted_and_the_next_wake_word_works(
    room: Room, speaker: Speaker
) -> None:
    witness, engine = speaker.witness, speaker.program.engine
    with room.recording() as sounds:
        room.wake(lambda: witness.expect("event/wake", within_s=HEARD_S))
        witness.expect("state", "conversation")
        os.kill(engine, signal.SIGKILL)
        witness.expect("event/conversation", event_type="ended", reason="engine_lost")
        witness.expect("state", "loading")
        problem = witness.expect("problem/attributes", code="engine").fields
        witness.expect("problem", "ON")
        witness.expect("state", "idle")
        witness.expect("problem/attributes", code=None, message=None)
        witness.expect("problem", "OFF")
    assert "killed by SIGKILL" in problem["message"]
    assert [kind for _, kind in earcons_in(sounds[0])] == [Earcon.WAKE, Earcon.ERROR]
    assert speaker.program.engine != engine
    room.wake(lambda: witness.expect("event/wake", within_s=HEARD_S))
    witness.expect("state", "conversation")
    witness.send("conversation/set", "stop")
    witness.expect("event/conversation", event_type="ended", reason="stop")
    witness.expect("state", "idle")


def test_a_hanging_engine_is_told_and_restarted(speaker: Speaker) -> None:
    witness, engine, processes = speaker.witness, speaker.program.engine, len(speaker.program.family)
    os.kill(engine, signal.SIGSTOP)
    witness.expect("state", "loading")
    problem = witness.expect("problem/attributes", code="engine").fields
    witness.expect("problem", "ON")
    witness.expect("state", "idle")
    witness.expect("problem", "OFF")
    assert "hangs" in problem["message"]
    assert speaker.program.engine != engine
    assert engine not in speaker.program.family
    assert len(speaker.program.family) == processes


def test_what_goes_wrong_is_in_the_log_once_and_without_a_traceback(speaker: Speaker) -> None:
    log = speaker.program.stderr.text
    assert "Traceback" not in log
    assert log.count("killed by SIGKILL") == 1
    assert log.count("the engine hangs") == 1
