"""A history in a folder of its own, and what it tells."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moshi_speaker.cli import main
from moshi_speaker.events import Side
from moshi_speaker.history import writer
from tests.history.record import LONG, NOW, Keeper, said, started, talk, wake

MakeKeeper = Callable[..., Keeper]
Run = Callable[..., tuple[int, str, str]]


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


@pytest.fixture(autouse=True)
def sure_of_the_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too old goes at the start."""
    monkeypatch.setattr(writer, "FIRST_TIDY_S", 0.0)


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails is tried again at once."""
    monkeypatch.setattr(writer, "FIRST_RETRY_S", 0.02)
    monkeypatch.setattr(writer, "LONGEST_RETRY_S", 0.05)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs ``history`` with arguments: exit code, output, complaints."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / "config.yaml"
    config.write_text(f"speaker: {{state_dir: {tmp_path}}}\n")

    def run_history(command: str, *arguments: str) -> tuple[int, str, str]:
        code = main(["history", command, *arguments, "--config", str(config)])
        out, err = capsys.readouterr()
        return code, out, err

    yield run_history
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def keeper(keep: MakeKeeper) -> Keeper:
    """A history that goes on during the test, as that of a speaker that runs."""
    keeper = keep()
    keeper.keep(*talk("c1", "Once upon a time.", LONG, at=NOW), wake("w1", NOW + 20))
    keeper.keep(started("s2", "c2", NOW + 3_600))
    keeper.keep(said("u", "c2", "Do you like ice cream?", side=Side.USER, turns=0, at=NOW + 3_602))
    return keeper
