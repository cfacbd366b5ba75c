"""A flood of hostile messages while the real program talks, on a virtual sound card."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.metronome import Metronome
from tests.room.house import Room, Speaker
from tests.speaker.hostile import FLOODS

KINDS = ("mild 4000", *(f"{kind} 400" for kind in FLOODS if kind != "start"))
NEVER = ("gaps", "dropped_blocks", "overflows", "reopenings")
"""What must not happen to the sound, however busy the machine is."""
IN_TIME = ("underflows",)
"""What must not happen on a machine that is in time itself."""
MAX_GROWTH = 40_000_000
"""Bytes that the process may take more than before: one payload of a megabyte, and what Python keeps."""
MAX_THREADS = 5
"""More than before: one each that loads wake words, reads files, asks the history, writes, and waits."""


def health(speaker: Speaker, transaction: str) -> dict[str, Any]:
    """How it fares now."""
    speaker.witness.send("request/health", f'{{"transaction": "{transaction}"}}')
    fields = speaker.witness.expect("response/health", status="ok", transaction=transaction).fields
    data: dict[str, Any] = fields["data"]
    return data


def attack(speaker: Speaker, port: int) -> None:
    """Send them all, a thousand a second, from another process."""
    subprocess.run(
        [sys.executable, "-P", "-m", "tests.speaker.hostile", str(port), speaker.witness.root, "7", "1000"],
        input="".join(f"{kind}\n" for kind in KINDS).encode(),
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=120,
    )


def test_a_flood_costs_a_talk_no_sound_and_the_process_no_memory(room: Room) -> None:
    endless = {"end_silence_s": 300.0, "no_speech_s": 300.0}
    with Metronome() as metronome, room.speaker(conversation=endless) as speaker:
        witness, pid = speaker.witness, speaker.program.pid
        witness.expect("state", "idle")
        witness.send("conversation/set", "start")
        witness.expect("state", "conversation")
        before = health(speaker, "before")
        attack(speaker, room.port)
        witness.forget()  # somebody said that it was offline
        after = health(speaker, "after")
        counted = (*NEVER, *IN_TIME) if metronome.machine_is_quiet else NEVER
        assert {name: after["sound"][name] for name in counted} == {
            name: before["sound"][name] for name in counted
        }
        assert after["memory"]["rss"] - before["memory"]["rss"] < MAX_GROWTH
        assert after["threads"] <= before["threads"] + MAX_THREADS
        assert witness.latest("state") == "conversation"
        witness.send("conversation/set", "stop")
        ended = witness.expect("event/conversation", event_type="ended", within_s=5.0).fields
        assert ended["reason"] == "stop"
        assert witness.expect("diagnostics").fields["dropped_frames"] == 0
        assert speaker.program.pid == pid and "Traceback" not in speaker.program.stderr.text
