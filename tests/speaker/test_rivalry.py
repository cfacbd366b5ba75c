"""A second speaker with the same id is a problem for as long as there are signs of it."""

import asyncio
import json
import time

import pytest

from moshi_speaker.events import ProblemSource, ReportProblem
from moshi_speaker.home import rival
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.rivalry import Rivalry
from tests.speaker.fakes import PATIENCE_S
from tests.speaker.stage import on_stage
from tests.speaker.witness import Witness

OTHER = json.dumps({"instance": "macmini/4711/89abcdef"})


async def test_the_house_hears_of_it_and_of_its_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rival, "GONE_S", 0.3)
    async with Witness(settings) as witness, on_stage(settings):
        await witness.until("state", "idle")
        await witness.send("diagnostics", OTHER)
        problem = await witness.json("problem/attributes", code="duplicate_id")
        await witness.until("problem", "ON")
        assert problem["others"] == []
        assert "process 4711 on macmini" in problem["message"]
        await witness.json("problem/attributes", code=None)
        await witness.until("problem", "OFF")


async def test_it_does_not_hide_what_keeps_the_speaker_from_talking(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("diagnostics", OTHER)
        await witness.json("problem/attributes", code="duplicate_id")
        stage.device.vanish()
        await witness.json("problem/attributes", code="device", others=["duplicate_id"])


async def test_each_sign_makes_it_last_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rival, "GONE_S", 0.2)
    said: asyncio.Queue[tuple[ReportProblem, float]] = asyncio.Queue()
    rivalry = Rivalry(lambda report: said.put_nowait((report, time.monotonic())), time.monotonic)
    rivalry.noticed("a")
    begun, _ = await said.get()
    assert begun.code == "duplicate_id"
    asyncio.get_running_loop().call_later(0.1, rivalry.noticed, "a")
    last_sign = time.monotonic() + 0.1
    over, at = await asyncio.wait_for(said.get(), PATIENCE_S)
    assert (over.code, over.source) == ("", ProblemSource.IDENTITY)
    assert at - last_sign >= 0.19
    rivalry.stop()


async def test_when_the_speaker_stops_nothing_more_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rival, "GONE_S", 0.0)
    said: list[ReportProblem] = []
    rivalry = Rivalry(said.append, time.monotonic)
    rivalry.stop()
    rivalry.noticed("a")
    rivalry.stop()
    rivalry.stop()
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, done.set)
    await done.wait()
    assert [report.code for report in said] == ["duplicate_id"]
