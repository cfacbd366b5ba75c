"""Whatever the broker takes, and whenever disk or process fail: everything, in order, and once by id."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from moshi_speaker.history import file, store
from tests.history.conftest import MakeKeeper
from tests.history.record import Keeper, payloads, rows, talk, wake

pytestmark = pytest.mark.usefixtures("quick_retries")


class FullDisk:
    """Writes fail while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self._keep = store.keep
        monkeypatch.setattr(store, "keep", self._write)
        self._probe = store.probe
        monkeypatch.setattr(store, "probe", self._test)

    def _write(self, *args: object) -> None:
        self._fail()
        self._keep(*args)  # type: ignore[arg-type]

    def _test(self, connection: sqlite3.Connection) -> None:
        self._fail()
        self._probe(connection)

    def _fail(self) -> None:
        if self.full:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error


class Link:
    """A broker at the end of a bad line: takes events, and some of its answers get lost."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._cursor = 0
        self.took: list[str] = []

    def connect(self) -> None:
        self._cursor = 0

    def pull(self, keeper: Keeper) -> None:
        for event in keeper.history.after(self._cursor, self._chance.randint(1, 20)):
            assert event.number > self._cursor
            self._cursor = event.number
            self.took.append(event.payload)
            if self._chance.random() < 0.9:
                keeper.history.confirm(event.number)


@pytest.mark.parametrize("seed", range(12))
def test_everything_arrives_in_order(
    keep: MakeKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    disk = FullDisk(monkeypatch)
    link, keeper = Link(chance), keep()
    recorded: list[str] = []
    for _ in range(60):
        match chance.choice(["record", "record", "record", "pull", "pull", "connect", "disk", "restart"]):
            case "record":
                for _ in range(chance.randint(1, 9)):
                    event = wake(f"e{len(recorded)}")
                    recorded.append(event.payload)
                    keeper.record(event)
                if chance.random() < 0.5:
                    assert keeper.history.settle(20.0)
            case "pull":
                link.pull(keeper)
            case "connect":
                link.connect()
            case "disk":
                disk.full = not disk.full
            case "restart":
                disk.full = False
                keeper.close()
                keeper = keep()
                link.connect()
    disk.full = False

    def everything() -> bool:
        link.connect()
        link.pull(keeper)
        return len(set(link.took)) == len(recorded) and not keeper.waiting()

    keeper.until(everything)
    assert list(dict.fromkeys(link.took)) == recorded


def test_what_goes_out_before_the_file_could_be_read_is_kept_beside_what_was_in_it(
    keep: MakeKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "BUSY_S", 0.05)
    before = talk("before", "old", "words")
    meanwhile, after = talk("meanwhile", "new"), talk("after", "newer")
    earlier = keep()
    earlier.keep(*before)
    earlier.close()
    with closing(sqlite3.connect(tmp_path / file.NAME, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        keeper = keep()
        keeper.until(lambda: keeper.problems)
        keeper.record(*meanwhile)
        assert keeper.waiting() == payloads(meanwhile)  # given away under numbers that the file has, too
        other.execute("ROLLBACK")
    keeper.until(lambda: keeper.problems[-1] == "")
    keeper.keep(*after)
    said = [
        (talked.id, [utterance.text for utterance in talked.utterances])
        for talked in keeper.history.conversations(9)
    ]
    assert said == [("after", ["newer"]), ("meanwhile", ["new"]), ("before", ["old", "words"])]
    assert keeper.waiting() == payloads([*meanwhile, *before, *after])
    keeper.close()
    everything = [(happening.event_id,) for happening in [*before, *meanwhile, *after]]
    assert rows(tmp_path, "SELECT event_id FROM events ORDER BY number") == everything
