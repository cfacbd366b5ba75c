"""Devices come and go while the whole speaker runs: it says so, and hears again."""

from collections.abc import Iterator

import pytest

from tests.room.house import Room, Speaker
from tests.room.upheavals import HEARS_AGAIN_S, UPHEAVALS, Load, load_of

ROUNDS = 2
"""The benchmark ``python -m tests.bench.devices`` makes twenty."""
CODES = {"replug": "microphone_silent", "restart": "device", "freeze": "device", "default": None}
"""What the house is told. A stream whose microphone is gone is moved to one that gives zeros."""


@pytest.fixture(scope="module")
def speaker(room: Room) -> Iterator[Speaker]:
    with room.speaker() as speaker:
        speaker.witness.expect("state", "idle")
        yield speaker


@pytest.fixture(scope="module")
def at_first(room: Room, speaker: Speaker) -> Load:
    return load_of(room, speaker)


@pytest.mark.parametrize("name", UPHEAVALS)
def test_after_an_upheaval_it_hears_again_and_has_said_why_it_did_not(
    room: Room, speaker: Speaker, at_first: Load, name: str
) -> None:
    for _ in range(ROUNDS):
        done = UPHEAVALS[name](room, speaker)
        assert done.code == CODES[name]
        assert done.heard_s < HEARS_AGAIN_S
    load = load_of(room, speaker)
    assert load.threads <= at_first.threads + 2
    assert load.files <= at_first.files + 2
    assert load.streams == at_first.streams
    assert "Traceback" not in speaker.program.stderr.text
