"""Settings that change over MQTT while the speaker runs, and what is answered."""

import json

import numpy as np
import pytest

from moshi_speaker import events as ev
from moshi_speaker.events import Value
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import bounds
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
