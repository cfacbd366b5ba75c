"""What is asked for over MQTT while the speaker runs, what becomes of it, and what is answered."""

import asyncio
import json
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from moshi_speaker import configfile
from moshi_speaker import events as ev
from moshi_speaker.events import Value
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import bounds, health, requests
from moshi_speaker.speaker.restart import MAX_RESTARTS, VARIABLE, Restarts
from tests.speaker.fakes import PATIENCE_S
from tests.speaker.stage import on_stage
from tests.speaker.test_talk import MakeSettings, loud
from tests.speaker.witness import Witness


async def request(witness: Witness, name: str, value: Value, transaction: str = "t") -> dict[str, object]:
    """Ask for a value; the answer."""
    await witness.send("request/set", json.dumps({"name": name, "value": value, "transaction": transaction}))
    return await witness.json("response/set", transaction=transaction)


async def test_a_bound_of_the_open_talk_holds_at_once(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        answer = await request(witness, "conversation.no_speech_s", 0.2)
        assert answer == {
            "status": "ok",
            "data": {"name": "conversation.no_speech_s", "value": 0.2},
            "error": None,
            "transaction": "t",
        }
        ended = await witness.json("event/conversation", event_type="ended")
        assert (ended["reason"], ended["duration_s"] < 5.0) == ("no_speech", True)


async def test_the_detector_takes_another_threshold(make_settings: MakeSettings) -> None:
    settings = make_settings(wake={"patience": 1, "refractory_s": 0.0})
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await request(witness, "wake.threshold", 0.95)
        await stage.hear(30, wake_word=True)
        assert not stage.engine.begun
        await request(witness, "wake.threshold", 0.9)
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)


async def test_volume_and_earcons_are_heard_at_once(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("request/set", json.dumps({"name": "audio.volume", "value": 100}))
        await witness.until("volume", "100")
        await witness.json("response/set", status="ok")
        await request(witness, "audio.earcon_volume", 100)
        stage.speaker.emit(ev.MuteRequested(True))
        before = np.abs(stage.device.pull(0.5)).max()
        await request(witness, "audio.earcon_volume", 50)
        stage.speaker.emit(ev.MuteRequested(False))
        assert 0 < np.abs(stage.device.pull(0.5)).max() < 0.2 * before
        await request(witness, "audio.earcons", False)
        stage.speaker.emit(ev.MuteRequested(True))
        assert not loud(stage.device.pull(0.5))


async def test_what_was_changed_is_as_the_file_has_it_after_a_restart(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings):
        await witness.until("state", "idle")
        await request(witness, "wake.threshold", 0.95)
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)


@pytest.mark.parametrize(
    "name", [*bounds.LIMITS, *bounds.SPEECH, *bounds.VOICE, *bounds.WAKE, *bounds.STOP, "audio.volume"]
)
async def test_every_live_setting_takes_its_own_value(settings: Settings, name: str) -> None:
    section, field = name.split(".")
    value = settings.model_dump(mode="json")[section][field]
    settings = settings.model_copy(update={"mqtt": settings.mqtt.model_copy(update={"enabled": False})})
    async with on_stage(settings) as stage:
        await stage.until_idle()
        assert stage.speaker._body.live.change(name, value) == value


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ("nonsense", "no JSON object"),
        ('{"name": "wake.threshold", "value": "high"}', "give a number"),
        ('{"name": "wake.model", "value": "alexa"}', "there is no setting 'wake.model'"),
        ('{"name": "model.seed", "value": 1}', "cannot change while the speaker runs"),
    ],
)
async def test_a_bad_request_is_answered_in_one_line(settings: Settings, payload: str, says: str) -> None:
    async with Witness(settings) as witness, on_stage(settings):
        await witness.until("state", "idle")
        await witness.send("request/set", payload)
        answer = await witness.json("response/set", status="error", transaction=None)
        assert says in answer["error"]
        assert "\n" not in answer["error"]


async def ask(witness: Witness, command: str, transaction: str = "t", **arguments: Value) -> dict[str, Any]:
    """Make a request; the answer."""
    await witness.send(f"request/{command}", json.dumps(arguments | {"transaction": transaction}))
    return await witness.json(f"response/{command}", transaction=transaction)


async def test_health_is_told_at_the_start_from_time_to_time_and_to_whoever_asks(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PERIOD_S", 0.2)
    async with Witness(settings) as witness, on_stage(settings):
        for _ in range(3):
            told = json.loads((await witness.until("health"))[-1][1])
            assert told["memory"]["peak"] > told["threads"] > 3
        answer = await ask(witness, "health")
        assert (answer["status"], answer["error"]) == ("ok", None)
        assert list(answer["data"]) == list(told)
        assert answer["data"]["uptime_s"] >= told["uptime_s"]
        assert answer["data"]["sound"]["gaps"] == 0


async def test_a_request_for_health_renews_the_topic(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings):
        assert "health" in dict(await witness.until("state", "idle"))
        await witness.send("request/health", "")
        heard = await witness.until("response/health")
        (told,) = [payload for topic, payload in heard if topic == "health"]
        assert json.loads(heard[-1][1])["data"] == json.loads(told)


async def test_a_restart_is_answered_and_then_everything_ends_in_order(settings: Settings) -> None:
    restarts = Restarts({}, time.monotonic)
    async with Witness(settings) as witness, on_stage(settings, restarts=restarts) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        answer = await ask(witness, "restart")
        assert (answer["status"], answer["data"]) == ("ok", {})
        ended = await witness.json("event/conversation", event_type="ended")
        assert ended["reason"] == "shutdown"
        await witness.until("availability", "offline")
        await asyncio.wait_for(stage.running, PATIENCE_S)
        assert stage.speaker.restarting


async def test_a_restart_into_a_wrong_file_is_refused_and_the_talk_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("audio: {volume: loud}\n")
    reread, restarts = partial(configfile.load, path), Restarts({}, time.monotonic)
    async with Witness(settings) as witness, on_stage(settings, restarts=restarts, reread=reread) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        answer = await ask(witness, "restart")
        assert answer["status"] == "error"
        assert answer["error"] == f"{path}:1: audio.volume is loud; give a whole number from 0 to 100"
        assert stage.engine.talks and not stage.running.done()
        path.write_text("audio: {volume: 5}\n")
        assert (await ask(witness, "restart"))["status"] == "ok"
        await asyncio.wait_for(stage.running, PATIENCE_S)
        assert stage.speaker.restarting


async def test_a_file_that_cannot_be_read_for_long_holds_up_no_restart(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang() -> Settings:
        disk_is_back.wait(PATIENCE_S)
        return settings

    monkeypatch.setattr(requests, "FILE_S", 0.05)
    disk_is_back, restarts = threading.Event(), Restarts({}, time.monotonic)
    async with Witness(settings) as witness, on_stage(settings, restarts=restarts, reread=hang) as stage:
        await witness.until("state", "idle")
        assert (await ask(witness, "restart"))["status"] == "ok"
        await asyncio.wait_for(stage.running, PATIENCE_S)
        disk_is_back.set()
        assert stage.speaker.restarting


async def test_who_wants_the_end_after_a_restart_was_asked_for_gets_the_end(settings: Settings) -> None:
    restarts = Restarts({}, time.monotonic)
    async with Witness(settings) as witness, on_stage(settings, restarts=restarts) as stage:
        await witness.until("state", "idle")
        stage.engine.may_close.clear()
        await ask(witness, "restart")
        await witness.until("state", "stopping")
        stage.speaker.stop()
        stage.engine.may_close.set()
        await asyncio.wait_for(stage.running, PATIENCE_S)
        assert not stage.speaker.restarting


async def test_a_storm_of_restarts_is_refused_and_the_talk_goes_on(settings: Settings) -> None:
    now = time.monotonic()
    restarts = Restarts({VARIABLE: f"{now} " * MAX_RESTARTS}, time.monotonic)
    async with Witness(settings) as witness, on_stage(settings, restarts=restarts) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        answer = await ask(witness, "restart")
        assert answer["status"] == "error"
        assert "was restarted 5 times within 10 minutes; ask again in" in answer["error"]
        assert stage.engine.talks and not stage.running.done()


async def test_a_file_is_read_again_and_what_can_change_does_in_the_talk_that_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    def write(**sections: dict[str, Any]) -> None:
        values = settings.model_dump(mode="json", exclude_defaults=True)
        for section, fields in sections.items():
            values[section] = values.get(section, {}) | fields
        path.write_text(yaml.safe_dump(values))

    path = tmp_path / "config.yaml"
    reread = partial(configfile.load, path)
    async with Witness(settings) as witness, on_stage(settings, reread=reread) as stage:
        await witness.until("state", "idle")
        write(audio={"volume": 30}, model={"seed": 7})
        answer = await ask(witness, "reload", "1")
        changed = {"changed": ["audio.volume"], "restart_required": ["model.seed"]}
        assert (answer["status"], answer["data"]) == ("ok", changed)
        write()
        await witness.send("request/reload", "")
        heard = await witness.until("response/reload")
        assert ("volume", "70") in heard
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        path.write_text("conversation: {no_speech_s: 0}\n")
        answer = await ask(witness, "reload", "3")
        assert answer["error"] == (f"{path}:1: conversation.no_speech_s is 0; give a number above 0")
        assert stage.engine.talks
        write(conversation={"no_speech_s": 0.2})
        answer = await ask(witness, "reload", "4")
        assert answer["data"] == {"changed": ["conversation.no_speech_s"], "restart_required": []}
        ended = await witness.json("event/conversation", event_type="ended")
        assert ended["reason"] == "no_speech"


async def test_a_volume_that_the_file_got_while_it_runs_is_the_one_that_is_remembered_against(
    settings: Settings,
) -> None:
    file = settings.model_copy(update={"audio": settings.audio.model_copy(update={"volume": 30})})
    async with Witness(settings) as witness, on_stage(settings, reread=lambda: file):
        await witness.until("state", "idle")
        await witness.send("request/reload", "PRESS")
        await witness.until("volume", "30")
        await witness.send("volume/set", "80")
        await witness.until("volume", "80")
    async with Witness(settings) as witness, on_stage(file):
        await witness.until("volume", "80")
        await witness.until("state", "idle")
