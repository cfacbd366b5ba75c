"""Fixtures that several directories need."""

import importlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.mosquitto import Mosquitto
from tests.room.soundcard import SoundCard, open_soundcard


@pytest.fixture(autouse=True)
def same_logging_afterwards() -> Iterator[None]:
    """Commands that run in the process of the tests set the log up."""
    root, ours = logging.getLogger(), logging.getLogger("moshi_speaker")
    before = (list(root.handlers), root.level, ours.level)
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture
def soundcard() -> Iterator[SoundCard]:
    """A virtual sound card; the test is skipped on systems other than Linux."""
    with open_soundcard() as card:
        yield card


@pytest.fixture
def make_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Makes brokers with configuration lines of one's own; they are not started yet."""
    made: list[Mosquitto] = []

    def make(*lines: str) -> Mosquitto:
        made.append(Mosquitto(tmp_path, *lines))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()


@pytest.fixture
def mosquitto(make_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A broker that runs and lets everybody in."""
    broker = make_mosquitto()
    broker.start()
    return broker


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small q8 model of random weights, shaped to answer speech with babble; read only."""
    from moshi_speaker.moshi.lm.layout import Q8
    from moshi_speaker.moshi.synthetic import Recipe, write_checkpoint

    folder = tmp_path_factory.mktemp("model") / "tiny"
    write_checkpoint(folder, Recipe(quantization=Q8))
    return folder


def pytest_configure() -> None:
    """Before any test module imports MLX itself, which would settle which BLAS it uses."""
    importlib.import_module("moshi_speaker.moshi")
