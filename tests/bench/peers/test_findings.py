"""Times of a comparison: who is compared with whom, and how rounds of several sessions come together."""

from pathlib import Path

import numpy as np

from moshi_speaker.bench.report import OURS, Times, read_times
from tests.bench.peers.alternation import Session
from tests.bench.peers.codec import TOGETHER
from tests.bench.peers.findings import agreement, comparisons, times_of, write

FOUND = [
    Times("codec", OURS, (10.0, 30.0)),
    Times(TOGETHER, OURS, (5.0, 10.0)),
    Times("codec", "theirs", (20.0, 40.0)),
    Times("something else", "theirs", (1.0, 1.0)),
]


def test_ratios_are_formed_round_by_round_and_for_both_ways_of_ours() -> None:
    compared = {(theirs.who, part): ratio for theirs, part, ratio in comparisons(FOUND)}
    assert set(compared) == {("theirs", "codec"), ("theirs", TOGETHER)}
    assert (compared["theirs", "codec"].least, compared["theirs", "codec"].most) == (0.5, 0.75)
    assert compared["theirs", TOGETHER].median == 0.25


def test_rounds_of_a_later_session_come_behind_those_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    write(path, FOUND, add=True)
    write(path, [Times("codec", OURS, (7.0,)), Times("codec", "theirs", (9.0,))], add=True)
    found = {(times.part, times.who): times.times_ms for times in read_times(path)}
    assert found["codec", OURS] == (10.0, 30.0, 7.0)
    assert found["codec", "theirs"] == (20.0, 40.0, 9.0)
    assert found["something else", "theirs"] == (1.0, 1.0)
    write(path, FOUND[:1], add=False)
    assert len(read_times(path)) == 1


def test_a_session_tells_who_computed_something_else() -> None:
    codes, sound = np.arange(16).reshape(2, 8), np.ones((2, 4))
    results = {
        OURS: {"codes": codes, "sound": sound},
        "same": {"codes": codes[:1], "sound": sound[:1]},
        "other": {"codes": codes + (codes == 3), "sound": sound * 1.5},
    }
    session = Session({("codec", OURS): [1.0]}, results)
    assert times_of(session) == [Times("codec", OURS, (1.0,))]
    same, other = agreement(session)
    assert "100.0% of the codes" in same and "0.0e+00" in same
    assert "93.8% of the codes" in other and "5.0e-01" in other
