"""A restart on request: the same process begins a new life, and nothing of the old one is left."""

import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from moshi_speaker.speaker.restart import MAX_RESTARTS
from tests.room.house import Room, Speaker


def ask(speaker: Speaker, transaction: int) -> None:
    """Ask for a restart; it is answered."""
    speaker.witness.send("request/restart", json.dumps({"transaction": transaction}))
    speaker.witness.expect("response/restart", status="ok", transaction=transaction)


def open_files(pid: int) -> Counter[str]:
    """How many of each kind the process has open; sockets and pipes without their numbers."""
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    return Counter(link.partition("[")[0] for link in links)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are counted as Linux shows them")
def test_the_process_stays_the_same_and_begins_anew_as_often_as_it_is_asked(room: Room) -> None:
    with room.speaker() as speaker:
        witness, program = speaker.witness, speaker.program
        witness.expect("state", "idle")
        pid, engine, files = program.pid, program.engine, open_files(program.pid)
        witness.send("conversation/set", "start")
        witness.expect("state", "conversation")
        for number in range(2):
            witness.send("request/restart", json.dumps({"transaction": number}))
            witness.expect("response/restart", status="ok", transaction=number)
            if number == 0:
                witness.expect("event/conversation", event_type="ended", reason="shutdown")
            witness.expect("state", "stopping")
            witness.expect("availability", "offline")
            witness.expect("availability", "online")
            witness.expect("state", "idle")
            assert program.pid == pid and pid in program.family
            assert program.engine != engine
            assert len(program.family) == 3, "the speaker, its engine, and the engine's voice"
            engine = program.engine
        assert not open_files(pid) - files, "a life leaves nothing open for the next"
        witness.send("conversation/set", "start")
        witness.expect("state", "conversation")
        code, _ = program.stop(signal.SIGTERM)
        assert code == 0
        assert program.family == []
        assert "Traceback" not in program.stderr.text
        assert program.stderr.text.count("starting again") == 2


def test_a_storm_of_restarts_comes_to_an_end(room: Room) -> None:
    with room.speaker(speaker={"state_dir": str(room.folder / "storm")}) as speaker:
        witness = speaker.witness
        for number in range(MAX_RESTARTS):
            witness.expect("availability", "online")
            witness.expect("state", "loading")
            ask(speaker, number)
            witness.expect("availability", "offline")
        witness.expect("state", "loading")
        witness.send("request/restart", '{"transaction": "more"}')
        refusal = witness.expect("response/restart", status="error", transaction="more").fields
        assert "was restarted 5 times within 10 minutes; ask again in" in refusal["error"]
        witness.expect("state", "idle")
