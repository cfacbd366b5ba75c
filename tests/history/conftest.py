"""A history in a folder of its own, and what it tells."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moshi_speaker.history import writer
from tests.history.record import Keeper

MakeKeeper = Callable[..., Keeper]


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[MakeKeeper]:
    """Makes histories that run; what still runs at the end of the test is closed."""
    made: list[Keeper] = []

    def make(
        folder: Path | None = tmp_path, *, wall: Callable[[], float] | None = None, **settings: object
    ) -> Keeper:
        made.append(Keeper(folder, settings, wall))
        made[-1].start()
        return made[-1]

    yield make
    for keeper in made:
        keeper.close()


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails is tried again at once."""
    monkeypatch.setattr(writer, "FIRST_RETRY_S", 0.02)
    monkeypatch.setattr(writer, "LONGEST_RETRY_S", 0.05)
