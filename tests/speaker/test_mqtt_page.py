"""docs/mqtt.md against the speaker: each topic and key that is published is there, and nothing else."""

import asyncio
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from moshi_speaker.audio.frames import FRAME_SAMPLES
from moshi_speaker.events import EndReason, ProblemSource, ReportProblem, ReportTranscript, Side, State
from moshi_speaker.home import requests
from moshi_speaker.home.backlog import LATE_S
from moshi_speaker.home.commands import MAX_BYTES
from moshi_speaker.home.components import components
from moshi_speaker.home.discovery import Device, announcement
from moshi_speaker.home.limiter import BURST, PER_S
from moshi_speaker.home.listener import Listener
from moshi_speaker.home.topics import REQUESTS, Topics
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.restart import Restarts
from tests.page import Page, code, keys
from tests.speaker.stage import Stage, on_stage
from tests.speaker.witness import Witness

MakeSettings = Callable[..., Settings]
Published = Mapping[str, list[Any]]
PAGE = Page("mqtt.md")
TOPICS = Topics("moshi-speaker", "test")
OPAQUE = frozenset({"settings", "settings_schema"})
"""They have a key for each setting; config/moshi-speaker.yaml is their page."""
ARGUMENTS = {"set": {"name": "wake.threshold", "value": 0.6}, "bench": {"frames": 3}}


def topics_of(title: str) -> dict[str, list[str]]:
    """The cells of a table of topics, by the topic."""
    return {code(first)[0]: rest for first, *rest in PAGE.sections[title].rows if "`" in first}


def below_root(topic: str) -> str:
    return topic.removeprefix(f"{TOPICS.root}/")


def said_topics() -> set[str]:
    """Every topic of ``Topics`` that the speaker publishes on."""
    fixed = {
        getattr(TOPICS, name)
        for name, member in vars(Topics).items()
        if isinstance(member, property) and name not in ("root", "retained", "commands")
    }
    sides = {TOPICS.transcript(side) for side in Side}
    return (fixed | sides | set(map(TOPICS.response, REQUESTS))) - set(TOPICS.commands)


# --- Topics -------------------------------------------------------------------------------------


def test_the_page_has_each_topic_that_is_said() -> None:
    assert set(topics_of("What it says")) == set(map(below_root, said_topics()))


def test_the_page_says_what_is_retained() -> None:
    marks = {topic: cells[0] for topic, cells in topics_of("What it says").items()}
    asked = {topic for topic, mark in marks.items() if mark == "as you set it"}
    assert asked == {below_root(TOPICS.transcript(side)) for side in Side}
    kept = {topic for topic, mark in marks.items() if mark == "yes"}
    assert kept | asked == set(map(below_root, TOPICS.retained))


def test_the_page_has_each_topic_that_is_heard() -> None:
    heard = {topic for topic in topics_of("What it listens to") if "/" in topic}
    assert heard == set(map(below_root, TOPICS.commands))


def test_the_page_has_each_state_and_each_reason() -> None:
    assert set(code(topics_of("What it says")["state"][1])) == set(State)
    reasons = [code(first)[0] for first, _ in PAGE.sections["`event/conversation`"].rows]
    assert set(EndReason) <= set(reasons)


def test_the_page_has_the_limits() -> None:
    text = PAGE.sections["What it listens to"].text
    assert f"{requests.MAX_BYTES} bytes on `request/…`, {MAX_BYTES} on" in text
    assert f"{BURST} at once, then {PER_S:g} a second" in text
    assert f"more than {LATE_S:g} s" in PAGE.sections["Happenings: once, in order, never lost"].text


def test_each_setting_on_the_page_exists() -> None:
    known = set(setting_names(Settings.model_json_schema()))
    groups = "|".join(Settings.model_fields)
    named = {word for word in PAGE.words if re.fullmatch(rf"({groups})\.[a-z_.]+", word)}
    assert named - known == set()


def setting_names(schema: dict[str, Any]) -> set[str]:
    """Every setting and every group, dotted."""

    def below(properties: dict[str, Any], above: str) -> set[str]:
        found: set[str] = set()
        for name, field in properties.items():
            found.add(f"{above}{name}")
            definition = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
            found |= below(definition.get("properties", {}), f"{above}{name}.")
        return found

    return below(schema["properties"], "")


# --- Payloads -----------------------------------------------------------------------------------


class Papers:
    """Collects what is published, JSON by topic."""

    def __init__(self, settings: Settings) -> None:
        self.published: dict[str, list[Any]] = defaultdict(list)
        self._listener = Listener(settings.mqtt, "papers", self._hear, lambda error: None)

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        if payload.startswith(b"{"):
            self.published[below_root(topic)].append(json.loads(payload))

    async def __aenter__(self) -> "Papers":
        await asyncio.to_thread(self._listener.open, "#")
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._listener.close)


async def everything(settings: Settings) -> tuple[Published, tuple[str, ...]]:
    """All that a speaker publishes as JSON in a talk, and the answers to all requests; its live settings."""
    restarts = Restarts({}, time.monotonic)
    async with Papers(settings) as papers, Witness(settings) as witness:
        async with on_stage(settings, reread=lambda: settings, restarts=restarts) as stage:
            await witness.until("state", "idle")
            await stage.hear(30, wake_word=True)
            started = await witness.json("event/conversation", event_type="started")
            await stage.until_session(1)
            say(stage, started["id"])
            await witness.json("transcript/assistant")
            await witness.send("conversation/set", "stop")
            await witness.json("event/conversation", event_type="ended")
            await witness.until("state", "idle")
            names = stage.speaker._body.live.names
            full = ReportProblem("history", "the disk is full", time.monotonic(), ProblemSource.HISTORY)
            stage.speaker._body.reporting.report(full)
            for command in (name for name in REQUESTS if name != "restart"):
                await witness.send(f"request/{command}", json.dumps(ARGUMENTS.get(command, {})))
                await answered(stage, witness, command)
            await witness.send("request/restart", "{}")
            await witness.json("response/restart")
        return papers.published, names


def say(stage: Stage, conversation_id: str) -> None:
    """Both sides say something."""
    heard = ReportTranscript(conversation_id, "How is it?", 1, time.monotonic(), side=Side.USER)
    stage.speaker._body.reporting.report(heard)  # nothing in the speaker hears words yet
    stage.engine.answer(" It is sunny.", np.full(FRAME_SAMPLES, 0.1, np.float32))
    for _ in range(10):
        stage.engine.answer("", np.zeros(FRAME_SAMPLES, np.float32))


async def answered(stage: Stage, witness: Witness, command: str) -> None:
    """Wait for the answer; a bench wants frames of the engine meanwhile."""
    task = asyncio.create_task(witness.json(f"response/{command}"))
    while not task.done():
        if stage.engine.talks:
            stage.engine.answer()
        await asyncio.wait({task}, timeout=0.02)
    await task


async def test_each_key_that_is_published_is_on_the_page_and_nothing_else(
    make_settings: MakeSettings,
) -> None:
    settings = make_settings(
        mqtt={"log": "info", "transcripts": {"user": "events", "assistant": "retained"}},
        conversation={"end_silence_s": 30.0},
    )
    published, live = await everything(settings)
    assert set(PAGE_LIVE) == set(live)
    for topic, messages in published.items():
        if topic.startswith(("request/", "response/", "homeassistant/")):
            continue
        said = {key for message in messages for key in keys(message, OPAQUE)}
        assert said == set(keys(example_of(topic), OPAQUE)), topic
    for command in REQUESTS:
        for message in published[f"response/{command}"]:
            assert set(message) == set(PAGE.sections["Requests"].examples[0]), command
            assert message["status"] == "ok", message
            shown = example_of("health") if command == "health" else answer_of(command)
            assert set(keys(message["data"])) == set(keys(shown)), command
    json_topics = {topic for topic, cells in topics_of("What it says").items() if "[JSON]" in cells[1]}
    assert json_topics - set(published) == set()


def example_of(topic: str) -> Any:  # noqa: ANN401 (JSON)
    """The payload that the page shows for a topic."""
    for title, section in PAGE.sections.items():
        if topic in code(title):
            return section.examples[0]
    raise AssertionError(f"the page has no section on {topic}")


def answer_of(command: str) -> Any:  # noqa: ANN401 (JSON)
    return PAGE.sections[f"`request/{command}`"].examples[1]


def live_on_page() -> set[str]:
    """The settings that may change, as the page lists them."""
    found: set[str] = set()
    for first, text in PAGE.sections["`request/set`"].rows:
        group = code(first)[0]
        section = Settings.model_fields[group].annotation
        assert section is not None
        if text.startswith("all but"):
            names = set(section.model_fields) - set(code(text))
        else:
            names = set(code(text)) - {"volume/set"}
        found |= {f"{group}.{name}" for name in names}
    return found


PAGE_LIVE = live_on_page()


@pytest.mark.parametrize("title", [title for title in PAGE.sections if PAGE.sections[title].examples])
def test_each_key_of_an_example_is_explained(title: str) -> None:
    section = PAGE.sections[title]
    shown = {key.rpartition(".")[2] for example in section.examples for key in keys(example, OPAQUE)}
    if title.startswith("`request/"):
        shown -= {"transaction"}  # explained once for all
    explained = section.words | set(code(title))
    if "as in [`diagnostics`]" in section.text:
        explained |= PAGE.sections["`diagnostics`"].words
    assert shown - explained == set()


def test_each_argument_of_a_request_is_on_the_page() -> None:
    for command in REQUESTS:
        example = PAGE.sections[f"`request/{command}`"].examples[0]
        assert set(example) == {*requests._KEYS.get(command, ()), "transaction"}, command
        requests.parse_request("topic", command, json.dumps(example).encode())


def test_the_page_has_each_entity_and_each_key_of_the_device() -> None:
    section = PAGE.sections["Discovery"]
    device = Device("Moshi", "1.0", hardware="Mac16,10", area="Kitchen", wake_words=("off",))
    message = json.loads(announcement(TOPICS, "homeassistant", device).payload)
    assert {*message, *message["device"]} <= section.words
    listed = next(paragraph for paragraph in section.text.split("\n\n") if paragraph.startswith("`state`"))
    assert code(listed) == list(components(TOPICS, ()))
