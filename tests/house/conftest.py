"""A house for tests: Home Assistant, speakers, a lamp, and a broker between them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.house.child import Daemon
from tests.house.home_assistant import HomeAssistant
from tests.house.lamp import Lamp
from tests.house.network import Network
from tests.mosquitto import Mosquitto

MakeDaemon = Callable[..., Daemon]


@pytest.fixture
def lamp(mosquitto: Mosquitto) -> Lamp:
    """A device at the broker."""
    return Lamp(mosquitto.port)


@pytest.fixture
def ha(mosquitto: Mosquitto) -> Iterator[HomeAssistant]:
    """Home Assistant, which runs."""
    with HomeAssistant(mosquitto.port, expiry_scale=0.1) as running:
        yield running


@pytest.fixture
def make_daemon(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[MakeDaemon]:
    """Makes speakers, which are not started yet, at the broker or at another port."""
    with ExitStack() as stack:

        def make(name: str = "kitchen", port: int | None = None, **options: Any) -> Daemon:  # noqa: ANN401
            daemon = Daemon(tmp_path, port or mosquitto.port, name, **options)
            stack.enter_context(daemon)
            return daemon

        yield make


@pytest.fixture
def kitchen(make_daemon: MakeDaemon) -> Daemon:
    """A speaker that has been started."""
    daemon = make_daemon()
    daemon.start()
    return daemon


@pytest.fixture
def network(mosquitto: Mosquitto) -> Iterator[Network]:
    """A network in front of the broker."""
    with Network(mosquitto.port) as running:
        yield running
