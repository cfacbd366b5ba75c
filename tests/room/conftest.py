"""Fixtures of the tests with a virtual sound card."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mosquitto import Mosquitto
from tests.room.house import Room
from tests.room.soundcard import open_soundcard


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Room]:
    """One room for all tests of a module."""
    folder = tmp_path_factory.mktemp("room")
    broker = Mosquitto(folder)
    with open_soundcard() as card:
        broker.start()
        try:
            yield Room(folder, card, broker.port, tiny_model)
        finally:
            broker.kill()
