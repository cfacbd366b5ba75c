"""What happens goes through the history to the broker: with its id, and as far as its words may go."""

import asyncio
import json
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from moshi_speaker.events import (
    EndReason,
    Event,
    ReportConversationEnded,
    ReportConversationStarted,
    ReportTranscript,
    ReportWake,
    Request,
    Side,
)
from moshi_speaker.history import file, reading, store
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.reporting import Reporting
from tests.mosquitto import Mosquitto
from tests.speaker.conftest import MakeSettings
from tests.speaker.fakes import PATIENCE_S
from tests.speaker.witness import Witness

MakeReporting = Callable[[Settings], Reporting]


@asynccontextmanager
async def reporting(settings: Settings, boot_id: str = "b1") -> AsyncIterator[Reporting]:
    """One that runs until the end of the block."""
    told = Reporting(
        settings, time.monotonic, _ignore, _ignore, folder=settings.speaker.state_dir, boot_id=boot_id
    )
    await told.start()
    try:
        yield told
    finally:
        await told.stop()


def _ignore(_: Event | Request) -> None:
    pass


def a_talk(told: Reporting, user: str = "What time is it?", moshi: str = "Half past two.") -> None:
    now = time.monotonic()
    told.report(ReportWake("hey_jarvis", 0.9, now))
    told.report(ReportConversationStarted("b1-1", "wake_word", now))
    told.report(ReportTranscript("b1-1", user, 0, now, Side.USER))
    told.report(ReportTranscript("b1-1", moshi, 1, now))
    told.report(ReportConversationEnded("b1-1", "wake_word", EndReason.SILENCE, 9.0, 1, now))


async def until_the_end(witness: Witness) -> list[tuple[str, dict[str, Any]]]:
    """All that happened, up to the end of the talk."""
    heard = await witness.until("event/conversation", that=lambda text: "ended" in text)
    return [(topic, json.loads(text)) for topic, text in heard if topic.startswith(("event/", "transcript/"))]


async def test_what_happens_has_an_id_of_its_own(settings: Settings) -> None:
    async with Witness(settings) as witness, reporting(settings) as told:
        a_talk(told)
        heard = await until_the_end(witness)
    assert [(topic, fields["event_id"], fields["late"]) for topic, fields in heard] == [
        ("event/wake", "b1-e1", False),
        ("event/conversation", "b1-e2", False),
        ("transcript/assistant", "b1-e4", False),
        ("event/conversation", "b1-e5", False),
    ]
    assert all(list(fields)[-1] == "late" for _, fields in heard)


@pytest.mark.parametrize("policy", ["off", "events", "retained"])
@pytest.mark.parametrize("side", list(Side))
async def test_words_go_as_far_as_the_settings_say(
    make_settings: MakeSettings, side: Side, policy: str, tmp_path: Path
) -> None:
    mqtt = make_settings().mqtt.model_dump(include={"host", "port"})
    policies = {"user": "off", "assistant": "off", side.value: policy}
    settings = make_settings(mqtt={**mqtt, "transcripts": policies})
    async with Witness(settings) as witness, reporting(settings) as told:
        a_talk(told)
        heard = await until_the_end(witness)
        (talk,) = await asyncio.to_thread(told.history.conversations, 5)
    said = [topic for topic, _ in heard if topic.startswith("transcript/")]
    assert said == ([] if policy == "off" else [f"transcript/{side.value}"])
    assert [(u.side, u.text) for u in talk.utterances] == [
        (Side.USER, "What time is it?"),
        (Side.ASSISTANT, "Half past two."),
    ]
    async with Witness(settings) as late:
        await late.send("marker", "end")
        kept = dict(await late.until("marker"))
    assert (f"transcript/{side.value}" in kept) == (policy == "retained")


async def test_words_that_stay_here_are_never_in_the_outbox(
    make_settings: MakeSettings, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    mosquitto.stop()
    settings = make_settings(mqtt={"transcripts": {}})
    async with reporting(settings) as told:
        a_talk(told, "rhubarb", "rhubarb")
    with closing(sqlite3.connect(tmp_path / file.NAME)) as connection:
        outbox = connection.execute("SELECT payload FROM outbox").fetchall()
    assert len(outbox) == 3
    assert "rhubarb" not in str(outbox)


async def test_without_mqtt_it_is_kept_all_the_same(make_settings: MakeSettings) -> None:
    settings = make_settings(mqtt={"enabled": False})
    async with reporting(settings) as told:
        a_talk(told)
        await asyncio.to_thread(told.history.settle, 10.0)
        (talk,) = await asyncio.to_thread(told.history.conversations, 5)
        assert (talk.id, talk.reason, len(talk.utterances)) == ("b1-1", "silence", 2)
        assert not await asyncio.to_thread(told.history.after, 0, 1)


async def test_how_the_link_fares_is_known_though_the_disk_hangs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, works_again = threading.Event(), threading.Event()

    def hang(_: sqlite3.Connection) -> reading.Counts:
        reads.set()
        works_again.wait(PATIENCE_S)
        return reading.Counts(0, 0, 0)

    monkeypatch.setattr(reading, "counts", hang)
    async with reporting(settings) as told:
        a_talk(told)
        await asyncio.to_thread(told.history.settle, PATIENCE_S)
        asking = asyncio.create_task(asyncio.to_thread(told.kept))
        assert await asyncio.to_thread(reads.wait, PATIENCE_S)
        fares = await asyncio.wait_for(asyncio.to_thread(told.traffic), PATIENCE_S / 2)
        assert isinstance(fares, dict) and fares["connections"] is not None
        assert not asking.done()
        works_again.set()
        await asking


async def test_with_the_history_off_it_is_told_and_not_kept(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings(history={"keep_days": "off"})
    async with Witness(settings) as witness, reporting(settings) as told:
        a_talk(told)
        assert len(await until_the_end(witness)) == 4
    assert not (tmp_path / file.NAME).exists()


async def test_a_history_that_does_not_work_is_a_problem_and_all_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    works = store.keep
    works_again: list[bool] = []

    def fail(*args: Any) -> None:  # noqa: ANN401
        if works_again:
            works(*args)
            return
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr(store, "keep", fail)
    async with Witness(settings) as witness, reporting(settings) as told:
        a_talk(told)
        assert len(await until_the_end(witness)) == 4
        problem = await witness.json("problem/attributes", code="history")
        assert "the disk is full" in problem["message"]
        await witness.until("problem", "ON")
        works_again.append(True)
        await witness.until("problem", "OFF")
        assert await asyncio.to_thread(told.history.conversations, 5)
    assert "What time is it?" not in "".join(
        record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG
    )


async def test_what_the_broker_missed_is_told_by_the_next_life(
    settings: Settings, mosquitto: Mosquitto
) -> None:
    mosquitto.stop()
    async with reporting(settings) as told:
        a_talk(told)
    mosquitto.start()
    async with Witness(settings) as witness, reporting(settings, "b2") as told:
        told.report(ReportWake("alexa", 0.9, time.monotonic()))
        heard = await witness.until("event/wake", that=lambda text: "alexa" in text)
        ids = [json.loads(text)["event_id"] for topic, text in heard if topic.startswith(("event", "tran"))]
    assert ids == ["b1-e1", "b1-e2", "b1-e4", "b1-e5", "b2-e1"]
