"""A disk that hangs keeps the health from nothing but what it alone knows."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from moshi_speaker.events import Json, ReportHealth
from moshi_speaker.speaker import health
from moshi_speaker.speaker.health import Health
from moshi_speaker.speaker.tasks import Tasks
from tests.speaker.fakes import PATIENCE_S


class Disk:
    """Says how much is kept as long as it does not hang."""

    def __init__(self) -> None:
        self.works = threading.Event()
        self.works.set()
        self.asked = 0

    def kept(self) -> Json:
        self.asked += 1
        assert self.works.wait(PATIENCE_S)
        return {"waiting": self.asked}


@pytest.fixture
def disk() -> Iterator[Disk]:
    """One that works again at the end."""
    made = Disk()
    yield made
    made.works.set()


async def test_a_disk_that_hangs_is_asked_once_and_the_rest_is_told(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "DISK_S", 0.05)
    published: list[ReportHealth] = []
    asked = Health(published.append, Tasks(lambda error: None), lambda: 0.0)
    asked.history, asked.mqtt = disk.kept, lambda: "well"
    assert (await asked.report()).history == {"waiting": 1}
    disk.works.clear()
    reports = [await asked.report(), *await asyncio.gather(asked.report(), asked.report())]
    assert [(report.history, report.mqtt) for report in reports] == [(None, "well")] * 3
    assert disk.asked == 2
    disk.works.set()
    monkeypatch.setattr(health, "DISK_S", PATIENCE_S)
    assert (await asked.report()).history == {"waiting": 2}, "what it was asked when it hung"
    assert (await asked.report()).history == {"waiting": 3}
    assert published[1:4] == reports
    asked.stop()
