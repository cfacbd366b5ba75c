"""A whole speaker talks: from the wake word to the end of the talk, over MQTT and at the engine."""

import asyncio
import json
import logging
import time
from collections.abc import Callable

import numpy as np
import pytest

from moshi_speaker import events as ev
from moshi_speaker.audio.frames import FRAME_SAMPLES, Samples
from moshi_speaker.settings import Settings
from tests.speaker.stage import IN_FLIGHT, numbers, on_stage
from tests.speaker.witness import Witness

MakeSettings = Callable[..., Settings]


def loud(samples: Samples) -> bool:
    """Something can be heard."""
    return bool(np.abs(samples).max() > 1e-3)


async def test_it_starts_to_idle_and_says_how_it_is_set(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings):
        heard = await witness.until("state", "idle")
        assert heard[0] == ("availability", "online")
        order = ["starting", "loading", "idle"]  # of which the link sends the newest, if it is slow
        states = [payload for topic, payload in heard if topic == "state"]
        assert states == [state for state in order if state in states]
        told = dict(heard)
        assert (told["volume"], told["mute"], told["conversation"], told["problem"]) == (
            "70",
            "OFF",
            "OFF",
            "OFF",
        )


async def test_loading_is_told_while_the_engine_loads(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Witness(settings) as witness, on_stage(settings, run=False) as stage:
        engine = stage.prepare_engine()
        engine.may_start.clear()
        stage.run()
        await witness.until("state", "loading")
        await stage.news.until(lambda: engine.started)
        engine.status("downloading: 12 of 99 MB")
        assert "engine: downloading: 12 of 99 MB" in caplog.messages
        engine.may_start.set()
        await witness.until("state", "idle")


async def test_the_wake_word_begins_a_talk_with_a_sound(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        assert not loud(stage.device.pull(0.5))
        await stage.hear(30, wake_word=True)
        wake = await witness.json("event/wake", event_type="detected")
        assert (wake["wake_word"], wake["score"]) == ("hey_jarvis", 0.93)
        started = await witness.json("event/conversation", event_type="started")
        assert started["trigger"] == "wake_word"
        await witness.until("state", "conversation")
        await stage.until_session(1)
        assert loud(stage.device.pull(0.5))


async def test_moshi_hears_the_sound_since_the_pre_roll_without_gap_or_duplicate(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        stage.wake.word_in.add(20)  # ends 21 frames after the start; 0.44 s before it began frame 15
        await stage.hear(40)
        await stage.hear(10)
        await stage.news.until(lambda: len(stage.engine.fed) == 35)
        assert numbers(stage.engine) == list(range(15, 50))
        assert {session for session, _ in stage.engine.fed} == {1}


async def test_what_moshi_says_is_played_and_told_and_silence_ends_the_talk(
    make_settings: MakeSettings,
) -> None:
    settings = make_settings(conversation={"end_silence_s": 0.5})
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await stage.hear(30, wake_word=True)
        started = await witness.json("event/conversation", event_type="started")
        await stage.until_session(1)
        stage.speaker.emit(ev.UserSpeechStarted())
        stage.speaker.emit(ev.UserSpeechEnded())
        for text in (" It", " is", " sun", "ny", "."):
            stage.engine.answer(text, np.full(FRAME_SAMPLES, 0.5, np.float32))
        for _ in range(10):  # Moshi is silent for half a second, a little faster than in real life
            stage.engine.answer("", np.zeros(FRAME_SAMPLES, np.float32))
            await asyncio.sleep(0.05)
        said = await witness.json("transcript/assistant")
        assert (said["text"], said["event_type"]) == ("It is sunny.", "final")
        assert said["conversation_id"] == started["id"]
        ended = await witness.json("event/conversation", event_type="ended")
        assert (ended["reason"], ended["turns"], ended["id"]) == ("silence", 1, started["id"])
        assert 0.5 <= ended["duration_s"] < 5.0
        await witness.until("state", "idle")
        assert stage.engine.ended == 1


async def test_what_was_answered_early_is_heard_before_the_silence_counts(
    make_settings: MakeSettings,
) -> None:
    settings = make_settings(conversation={"end_silence_s": 0.3})
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        for _ in range(20):  # 1.6 s of sound, at once
            stage.engine.answer(" la", np.full(FRAME_SAMPLES, 0.5, np.float32))
        for _ in range(10):
            stage.engine.answer("", np.zeros(FRAME_SAMPLES, np.float32))
            await asyncio.sleep(0.05)
        ended = await witness.json("event/conversation", event_type="ended")
        assert ended["reason"] == "no_speech"
        assert ended["duration_s"] > 1.6 + 0.3


async def test_moshis_voice_comes_out_of_the_loudspeaker(make_settings: MakeSettings) -> None:
    settings = make_settings(audio={"earcons": False, "volume": 100})
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        assert not loud(stage.device.pull(0.2))
        stage.engine.answer(" Hello", np.full(FRAME_SAMPLES, 0.5, np.float32))
        stage.engine.answer(" there.")
        stage.engine.answer(" Yes", np.full(FRAME_SAMPLES, 0.5, np.float32), session=7)  # not this session
        stage.engine.answer(" Good")
        await stage.news.until(lambda: stage.engine.taken == 4)
        played = stage.device.pull(0.3)
        assert np.count_nonzero(played > 0.49) == pytest.approx(FRAME_SAMPLES, abs=240)
        await witness.send("conversation/set", "stop")
        said = await witness.json("transcript/assistant")
        assert said["text"] == "Hello there. Good"


async def test_the_end_is_heard_and_the_next_wake_word_begins_another_talk(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await stage.hear(30, wake_word=True)
        first = await witness.json("event/conversation", event_type="started")
        await witness.send("conversation/set", "stop")
        ended = await witness.json("event/conversation", event_type="ended")
        assert ended["reason"] == "stop"
        await witness.until("state", "idle")
        assert loud(stage.device.pull(0.8))
        assert not loud(stage.device.pull(0.5))
        heard_before = len(stage.engine.fed)
        await stage.hear(10)
        assert len(stage.engine.fed) == heard_before
        await stage.hear(30, wake_word=True)
        second = await witness.json("event/conversation", event_type="started")
        assert second["id"] != first["id"]
        await stage.until_session(2)
        assert stage.engine.begun == [1, 2]


async def test_mute_closes_the_microphone_and_ends_the_talk(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)
        await witness.send("mute/set", "ON")
        await stage.news.until(lambda: stage.device.capturing is False)
        assert (await witness.json("event/conversation", event_type="ended"))["reason"] == "mute"
        heard = dict(await witness.until("state", "muted"))
        assert heard["mute"] == "ON"
        await witness.send("conversation/set", "start")
        await witness.send("mute/set", "OFF")
        await stage.news.until(lambda: stage.device.capturing)
        heard = dict(await witness.until("state", "idle"))
        assert heard["mute"] == "OFF"
        assert stage.engine.begun == [1]
        resets = stage.wake.resets
        await stage.hear(IN_FLIGHT + 2)
        assert stage.wake.resets == resets + 1, "sound from before the mute would join what comes after"


async def test_another_volume_is_heard_and_told(make_settings: MakeSettings) -> None:
    settings = make_settings(audio={"volume": 100, "earcon_volume": 100})
    async with Witness(settings) as witness, on_stage(settings) as stage:
        peaks = []
        for volume in ("100", "50", "0"):
            await witness.send("volume/set", volume)
            await witness.until("volume", volume)
            stage.device.pull(0.1)  # the volume changes within a block
            await witness.send("conversation/set", "start")
            await witness.until("conversation", "ON")
            peaks.append(float(np.abs(stage.device.pull(0.5)).max()))
            await witness.send("conversation/set", "stop")
            await witness.until("conversation", "OFF")
            stage.device.pull(1.0)
        assert peaks[0] > 5 * peaks[1] > 0
        assert peaks[2] == 0


async def test_a_talk_has_a_greatest_length(make_settings: MakeSettings) -> None:
    settings = make_settings(conversation={"max_conversation_s": 0.3})
    async with Witness(settings) as witness, on_stage(settings):
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        ended = await witness.json("event/conversation", event_type="ended")
        assert ended["reason"] == "cap"
        assert ended["trigger"] == "mqtt"


async def test_silence_of_everybody_has_a_reason_of_its_own(make_settings: MakeSettings) -> None:
    settings = make_settings(conversation={"end_silence_s": 0.3})
    async with Witness(settings) as witness, on_stage(settings):
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        assert (await witness.json("event/conversation", event_type="ended"))["reason"] == "no_speech"


async def test_moshis_breath_keeps_no_talk_open(make_settings: MakeSettings) -> None:
    settings = make_settings(conversation={"no_speech_s": 0.5, "moshi_pad_s": 0.2})
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        stage.engine.answer(" Well", np.full(FRAME_SAMPLES, 0.5, np.float32))
        breath = np.full(FRAME_SAMPLES, 0.01, np.float32)  # -40 dBFS: audible, and below the bound
        ended = asyncio.create_task(witness.json("event/conversation", event_type="ended"))
        for _ in range(100):  # 5 s at most, and nobody waits for their end
            if ended.done() or not stage.engine.talks:
                break
            stage.engine.answer("", breath)
            await asyncio.sleep(0.05)
        assert (await ended)["reason"] == "no_speech"
        assert stage.engine.taken < 60


async def test_a_farewell_of_moshis_ends_the_talk(make_settings: MakeSettings) -> None:
    settings = make_settings(conversation={"goodbye_pause_s": 0.2})
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        for text in (" Good", "bye", "!"):
            stage.engine.answer(text, np.full(FRAME_SAMPLES, 0.5, np.float32))
        for _ in range(10):
            stage.engine.answer("", np.zeros(FRAME_SAMPLES, np.float32))
            await asyncio.sleep(0.05)
        assert (await witness.json("transcript/assistant"))["text"] == "Goodbye!"
        assert (await witness.json("event/conversation", event_type="ended"))["reason"] == "goodbye"
        assert loud(stage.device.pull(0.5))


async def test_an_engine_that_stays_behind_ends_the_talk(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        for _ in range(8):
            stage.engine.answer(" Well", backlog=30, session=1)
            await asyncio.sleep(settings.engine.lag_timeout_s / 4)
        assert (await witness.json("event/conversation", event_type="ended"))["reason"] == "lag"
        await witness.until("state", "idle")


async def test_without_a_wake_word_mqtt_begins_the_talk(make_settings: MakeSettings) -> None:
    settings = make_settings(wake={"enabled": False})
    async with Witness(settings) as witness, on_stage(settings, wake=False) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        at = time.monotonic()
        stage.device.push(np.full(FRAME_SAMPLES, 0.01, np.float32), at)
        await stage.news.until(lambda: len(stage.engine.fed) == 1)


async def test_it_works_without_mqtt(make_settings: MakeSettings) -> None:
    settings = make_settings(mqtt={"enabled": False})
    async with on_stage(settings) as stage:
        await stage.until_idle()
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)


async def test_commands_that_mean_nothing_change_nothing(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("volume/set", "loud")
        await witness.send("conversation/set", json.dumps({"start": True}))
        await witness.send("conversation/set", "stop")
        await witness.send("volume/set", "71")
        heard = await witness.until("volume", "71")
        assert {topic for topic, _ in heard} == {"volume", "volume/set", "conversation/set"}
        assert not stage.engine.begun
