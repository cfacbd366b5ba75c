"""Fixtures of the tests against a real Home Assistant."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ha.house import House
from tests.room.soundcard import SoundCard, open_soundcard


def pytest_addoption(parser: pytest.Parser) -> None:
    """``make test-ha ARGS=--picture=docs/pictures/dashboard.png`` takes the picture anew."""
    parser.addoption("--picture", help="write a picture of the dashboard card to this file")


@pytest.fixture(scope="session")
def card() -> Iterator[SoundCard]:
    """The kitchen's microphone and loudspeaker."""
    with open_soundcard() as card:
        yield card


@pytest.fixture(scope="module")
def make_house(
    tmp_path_factory: pytest.TempPathFactory, card: SoundCard, tiny_model: Path
) -> Iterator[Callable[..., House]]:
    """Makes a house with a Home Assistant of one's own, and opens it."""
    made: list[House] = []

    def make(*homeassistant: str) -> House:
        made.append(House(tmp_path_factory.mktemp("house"), card, tiny_model, *homeassistant))
        made[-1].open()
        return made[-1]

    yield make
    for house in made:
        house.close()


@pytest.fixture(scope="module")
def house(make_house: Callable[..., House]) -> House:
    """One house for all tests of a module."""
    return make_house()
