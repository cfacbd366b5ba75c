"""Home Assistant, a lamp, and a broker between them."""

from collections.abc import Iterator

import pytest

from tests.house.home_assistant import HomeAssistant
from tests.house.lamp import Lamp
from tests.mosquitto import Mosquitto


@pytest.fixture
def lamp(mosquitto: Mosquitto) -> Lamp:
    return Lamp(mosquitto.port)


@pytest.fixture
def ha(mosquitto: Mosquitto) -> Iterator[HomeAssistant]:
    with HomeAssistant(mosquitto.port, expiry_scale=0.1) as running:
        yield running
