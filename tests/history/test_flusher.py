import threading
from pathlib import Path

import pytest

from moshi_speaker.history import file, flusher
from tests.history.conftest import MakeKeeper
from tests.history.record import PATIENCE_S, wake


def test_a_commit_is_brought_to_the_disk_soon(
    keep: MakeKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flusher, "DURABLE_S", 0.05)
    keeper = keep()
    keeper.keep(wake("needle"))
    keeper.until(lambda: b"needle" in (tmp_path / file.NAME).read_bytes())


def test_a_slow_disk_holds_up_no_event(keep: MakeKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, may_go_on = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        waiting.set()
        may_go_on.wait(PATIENCE_S)

    monkeypatch.setattr(flusher, "DURABLE_S", 0.0)
    monkeypatch.setattr(flusher, "checkpoint", hang)
    keeper = keep()
    keeper.record(wake("e1"))
    assert waiting.wait(PATIENCE_S)
    keeper.keep(wake("e2"))
    assert keeper.waiting() == ['{"id":"e1"}', '{"id":"e2"}']
    may_go_on.set()
