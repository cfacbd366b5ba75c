"""Somebody removes the file, or puts another one in its place, while the speaker runs."""

from pathlib import Path

import pytest

from moshi_speaker.history import file
from tests.history.conftest import MakeKeeper
from tests.history.record import payloads, rows, talk, wake


def test_a_file_that_is_taken_away_is_told_and_another_one_begun(tmp_path: Path, keep: MakeKeeper) -> None:
    keeper = keep()
    keeper.keep(*talk("before", "it was there"), wake("e0"))
    for suffix in file.SUFFIXES:
        Path(f"{tmp_path / file.NAME}{suffix}").unlink(missing_ok=True)
    keeper.keep(*talk("after", "it is there"))
    (line,) = keeper.problems
    assert line.endswith(
        "while the speaker ran this file was taken away, with all that was in it; a new one was begun"
    )
    assert [c.id for c in keeper.history.conversations(5)] == ["after"]
    assert keeper.send_all() == payloads(talk("after", "it is there"))
    keeper.close()
    assert rows(tmp_path, "SELECT id FROM sessions") == [("after",)]
    assert rows(tmp_path, "SELECT payload FROM outbox") == []


def test_another_file_in_its_place_is_told_and_left_for_the_next_start(
    tmp_path: Path, keep: MakeKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    other = keep(tmp_path / "other")
    other.keep(*talk("other", "of another day"))
    other.close()
    keeper = keep()
    keeper.keep(*talk("before", "it was there"))
    keeper.send_all()
    (tmp_path / "other" / file.NAME).replace(tmp_path / file.NAME)
    keeper.keep(*talk("after", "in memory"))
    assert "while the speaker ran this file was exchanged" in keeper.problems[0]
    assert keeper.send_all() == payloads(talk("after", "in memory"))
    keeper.keep(*talk("unsent", "in memory"))  # under numbers that the other file has, too
    keeper.close()
    assert any("3 events are lost" in message for message in caplog.messages)
    assert rows(tmp_path, "SELECT id FROM sessions") == [("other",)]
    again = keep()
    again.until(lambda: again.waiting() == payloads(talk("other", "of another day")))
