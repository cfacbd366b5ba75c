"""Children that answer in turns, and one that cannot start."""

from pathlib import Path

import pytest

from moshi_speaker.errors import UsageError
from tests.bench.peers.alternation import alternate
from tests.bench.peers.contestants import Entry

QUICK = Entry("quick", "fake", frames=3, warmup=1, checked=2)
NOTHING = Path("unused")


def test_each_child_does_a_batch_a_round_and_shows_what_it_computes() -> None:
    slow = Entry("slow", "fake", options=("slow",), ways=("in turn", "backwards"), frames=2)
    session = alternate([QUICK, slow], NOTHING, NOTHING, 2, check=True)
    assert set(session.medians) == {("count", "quick"), ("count", "slow"), ("backwards", "slow")}
    # After a frame that warms up, frames 1 to 3, then 5 to 7, in milliseconds.
    assert session.medians["count", "quick"] == [2000.0, 6000.0]
    assert session.results["quick"]["frames"].tolist() == [0, 1]


def test_a_child_that_ends_is_told_with_its_last_words() -> None:
    broken = Entry("broken", "fake", options=("broken",))
    with pytest.raises(UsageError, match=r"broken ended; it said last: ValueError: no such weights"):
        alternate([QUICK, broken], NOTHING, NOTHING, 1, check=False)
