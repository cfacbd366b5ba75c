"""Where the words of a talk go: to the log at DEBUG, to the topics that were asked for, to the history."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from moshi_speaker.audio.frames import FRAME_SAMPLES
from moshi_speaker.events import ReportTranscript, Side
from moshi_speaker.home.listener import Listener
from moshi_speaker.settings import Settings
from tests.speaker.stage import Stage, on_stage
from tests.speaker.witness import Witness

MakeSettings = Callable[..., Settings]
SAID = "Quixotic xylophones."
"""Words that occur nowhere else."""
HEARD = "Whimsical kumquats?"
EVERYTHING = {"user": "retained", "assistant": "retained"}
NOTHING = {"user": "off", "assistant": "off"}


class Papers:
    """Everything that anybody could read at the broker, from the first word on."""

    def __init__(self, settings: Settings) -> None:
        self.published: list[tuple[str, str]] = []
        self._listener = Listener(settings.mqtt, "papers", self._hear, lambda error: None)

    def topics_with(self, words: str) -> set[str]:
        """Below the speaker's root, or whole where they are elsewhere."""
        return {topic.removeprefix("moshi-speaker/test/") for topic, text in self.published if words in text}

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        self.published.append((topic, payload.decode()))

    async def __aenter__(self) -> "Papers":
        await asyncio.to_thread(self._listener.open, "#")
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._listener.close)


@asynccontextmanager
async def talk(settings: Settings) -> AsyncIterator[Stage]:
    """A whole talk of both sides, after which the speaker still runs."""
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        started = await witness.json("event/conversation", event_type="started")
        await stage.until_session(1)
        heard = ReportTranscript(started["id"], HEARD, turns=1, at=time.monotonic(), side=Side.USER)
        stage.speaker._body.reporting.report(heard)  # nothing in the speaker hears words yet
        for piece in (" Quixotic", " xylo", "phones."):
            stage.engine.answer(piece, np.full(FRAME_SAMPLES, 0.1, np.float32))
        for _ in range(10):  # Moshi is silent for half a second
            stage.engine.answer("", np.zeros(FRAME_SAMPLES, np.float32))
            await asyncio.sleep(0.05)
        await witness.send("conversation/set", "stop")
        await witness.json("event/conversation", event_type="ended")
        await witness.send("request/health", "{}")
        await witness.json("response/health", status="ok")
        yield stage


def settings_with(make: MakeSettings, transcripts: dict[str, str], **sections: dict[str, Any]) -> Settings:
    return make(mqtt={"log": "info", "transcripts": transcripts}, **sections)


@pytest.mark.parametrize("transcripts", [NOTHING, EVERYTHING])
async def test_the_log_has_them_at_debug_only(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture, transcripts: dict[str, str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with talk(settings_with(make_settings, transcripts)):
        pass
    for words in (SAID, HEARD):
        telling = [record for record in caplog.records if words in f"{record.getMessage()} {record.exc_text}"]
        assert telling, "at DEBUG they are in the log"
        assert {record.levelno for record in telling} == {logging.DEBUG}
    for piece in ("xylo", "kumquats"):
        louder = [record for record in caplog.records if record.levelno > logging.DEBUG]
        assert louder
        assert [record.getMessage() for record in louder if piece in record.getMessage()] == []


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
async def test_no_topic_but_theirs_has_them(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    caplog.set_level(level)
    settings = settings_with(make_settings, EVERYTHING)
    async with Papers(settings) as papers:
        async with talk(settings):
            pass
        told = {topic for topic, _ in papers.published}
        assert {f"moshi-speaker/test/{topic}" for topic in ("log", "health", "info", "diagnostics")} <= told
    assert papers.topics_with("xylophones") == {"transcript/assistant"}
    assert papers.topics_with("kumquats") == {"transcript/user"}


@pytest.mark.parametrize(
    ("transcripts", "published"),
    [
        (NOTHING, set()),
        ({"user": "off", "assistant": "events"}, {"transcript/assistant"}),
        ({"user": "events", "assistant": "off"}, {"transcript/user"}),
    ],
)
async def test_a_side_that_is_off_is_published_nowhere(
    make_settings: MakeSettings, transcripts: dict[str, str], published: set[str]
) -> None:
    settings = settings_with(make_settings, transcripts)
    async with Papers(settings) as papers:
        async with talk(settings), Witness(settings) as witness:
            await witness.send("request/history", "{}")
            assert (await witness.json("response/history"))["status"] == "ok"
        found = papers.topics_with("xylophones") | papers.topics_with("kumquats")
    assert found - {"response/history"} == published
    sides = {"transcript/assistant": "xylophones", "transcript/user": "kumquats"}
    for topic, words in sides.items():
        assert ("response/history" in papers.topics_with(words)) == (topic in published)


async def test_the_password_is_nowhere(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    account = {"username": "me", "password": SecretStr("hunter2")}
    settings = make_settings(mqtt={"log": "info", "transcripts": EVERYTHING, **account})
    async with Papers(settings) as papers, talk(settings):
        assert papers.published
    assert papers.topics_with("hunter2") == set()
    assert [record for record in caplog.records if "hunter2" in record.getMessage()] == []
    assert files_with("hunter2", tmp_path) == set()


async def test_without_a_history_no_file_has_them(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = settings_with(make_settings, EVERYTHING, history={"keep_days": "off"})
    async with talk(settings):
        assert files_with("xylophones", tmp_path) == files_with("kumquats", tmp_path) == set()
    assert files_with("xylophones", tmp_path) == files_with("kumquats", tmp_path) == set()


async def test_with_a_history_it_alone_has_them(make_settings: MakeSettings, tmp_path: Path) -> None:
    async with talk(settings_with(make_settings, NOTHING)):
        rights = rights_of("history.sqlite3*", tmp_path)
        assert {"history.sqlite3", "history.sqlite3-wal"} <= set(rights)
        assert set(rights.values()) == {0}, "nobody but its owner may read it"
    for words in ("xylophones", "kumquats"):
        assert files_with(words, tmp_path) == {"history.sqlite3"}


def files_with(words: str, folder: Path) -> set[str]:
    """Files of the speaker below a folder that hold these words; the broker's own are not among them."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("mosquitto-")]
    return {path.name for path in files if words.encode() in path.read_bytes()}


def rights_of(pattern: str, folder: Path) -> dict[str, int]:
    """What files of such names give to others than their owner."""
    return {path.name: path.stat().st_mode & 0o077 for path in folder.glob(pattern)}
