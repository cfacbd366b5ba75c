"""A whole speaker in trouble: parts that fail, vanish or hang, and how it goes on or ends."""

import asyncio
import json
import logging
import time
from collections.abc import Callable

import pytest

from moshi_speaker import events as ev
from moshi_speaker.errors import CheckpointError, DeviceError, EngineError, IllegalEvent
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import sound
from moshi_speaker.speaker.reporting import LAST_WORDS_S
from tests.mosquitto import Mosquitto
from tests.speaker.stage import STOP_S, lost_for_good, numbered, on_stage
from tests.speaker.test_talk import loud
from tests.speaker.witness import Witness

MakeSettings = Callable[..., Settings]

NO_MICROPHONE = DeviceError("the microphone does not open", where="USB")


async def test_a_lost_engine_ends_the_talk_and_another_one_takes_its_place(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)
        stage.device.pull(1.0)
        stage.engine.lose()
        assert (await witness.json("event/conversation", event_type="ended"))["reason"] == "engine_lost"
        await witness.until("state", "loading")
        problem = await witness.json("problem/attributes", code="engine")
        assert problem["message"] == "the engine process was killed by SIGKILL"
        await witness.until("problem", "ON")
        assert loud(stage.device.pull(0.5))
        await witness.until("state", "idle")
        await witness.until("problem", "OFF")
        assert len(stage.engines) == 2
        await stage.hear(30, wake_word=True)
        await stage.until_session(2)
        assert stage.engines[0].closed


async def test_an_engine_that_closes_slowly_is_waited_for_not_interrupted(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        slow = stage.engine
        slow.may_close.clear()
        slow.lose()
        await witness.until("problem", "ON")
        await asyncio.sleep(3 * settings.engine.restart_delay_s)
        assert len(stage.engines) == 1
        slow.may_close.set()
        await witness.until("state", "idle")
        assert slow.closed
        assert len(stage.engines) == 2


async def test_however_often_an_engine_is_restarted_there_is_one_at_a_time(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        stage.speaker.emit(ev.EngineLost("the engine hangs"))
        stage.speaker.emit(ev.EngineLost("the engine was killed"))
        await witness.until("problem", "ON")
        await witness.until("state", "idle")
        assert [engine.closed for engine in stage.engines] == [True, False]


async def test_an_engine_that_does_not_start_is_tried_again(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings, run=False) as stage:
        stage.prepare_engine().start_error = EngineError("the engine was not ready within 900 s")
        stage.run()
        await witness.until("problem", "ON")
        await witness.until("state", "idle")
        await witness.until("problem", "OFF")
        assert len(stage.engines) == 2


async def test_a_model_that_cannot_be_loaded_ends_the_process_with_its_exit_code(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings, run=False) as stage:
        engine = stage.prepare_engine()
        engine.start_error = lost_for_good()
        engine.may_start.clear()
        stage.run()
        await witness.until("state", "loading")
        engine.may_start.set()
        error = await stage.failed()
        assert isinstance(error, CheckpointError)
        assert error.exit_code == 69
        heard = await witness.until("availability", "offline")
        assert ("problem", "ON") in heard
        assert len(stage.engines) == 1


async def test_a_failure_before_the_link_is_up_is_told_to_a_broker_that_comes_a_moment_later(
    settings: Settings, mosquitto: Mosquitto
) -> None:
    mosquitto.stop()
    async with on_stage(settings, run=False) as stage:
        stage.prepare_engine().start_error = lost_for_good()
        stage.run()
        await stage.news.until(lambda: stage.engines and stage.engine.closed)
        mosquitto.start()
        assert isinstance(await stage.failed(), CheckpointError)
    async with Witness(settings) as witness:
        retained = await witness.until("availability")  # so it is subscribed
        await witness.send("marker", "end")
        heard = dict([*retained, *await witness.until("marker")])
    assert (heard["availability"], heard["problem"]) == ("offline", "ON")
    assert str(lost_for_good()) in heard["problem/attributes"]


async def test_a_failure_is_the_same_and_takes_not_long_where_no_broker_comes(
    settings: Settings, mosquitto: Mosquitto
) -> None:
    mosquitto.stop()
    async with on_stage(settings, run=False) as stage:
        stage.prepare_engine().start_error = lost_for_good()
        began = time.monotonic()
        stage.run()
        assert isinstance(await stage.failed(), CheckpointError)
        assert time.monotonic() - began < STOP_S


async def test_a_stop_does_not_wait_for_a_broker_that_is_away(
    settings: Settings, mosquitto: Mosquitto
) -> None:
    mosquitto.stop()
    async with on_stage(settings) as stage:
        await stage.until_idle()
        assert await stage.stopped() < LAST_WORDS_S


async def test_a_model_that_is_gone_at_a_restart_leaves_the_speaker_in_error(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        stage.prepare_engine().start_error = lost_for_good()
        stage.engine.lose()
        await witness.until("state", "error")
        problem = await witness.json("problem/attributes", code="engine")
        assert problem["message"] == str(lost_for_good())
        await witness.send("volume/set", "30")
        await witness.until("volume", "30")
        assert not stage.running.done()


async def test_a_device_that_does_not_open_ends_the_start(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings, run=False) as stage:
        stage.device.refusals.append(NO_MICROPHONE)
        stage.run()
        assert await stage.failed() is NO_MICROPHONE
        heard = await witness.until("availability", "offline")
        assert ("state", "idle") not in heard
        assert ("problem", "ON") in heard
        attributes = json.loads(dict(heard)["problem/attributes"])
        assert (attributes["code"], attributes["message"]) == ("device", str(NO_MICROPHONE))
        assert stage.device.starts == stage.device.stops == 1
        assert not stage.engines


async def test_a_device_that_vanishes_in_a_talk_is_opened_again(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        stage.device.refusals.extend((NO_MICROPHONE, NO_MICROPHONE))
        stage.device.vanish()
        assert (await witness.json("event/conversation", event_type="ended"))["reason"] == "device_lost"
        await witness.until("state", "error")
        problem = await witness.json("problem/attributes", code="device")
        assert problem["message"] == "the sound device went away"
        assert (await witness.json("problem/attributes", code="device"))["message"] == str(NO_MICROPHONE)
        await witness.until("state", "idle")
        await witness.until("problem", "OFF")
        assert stage.device.starts == 4
        await witness.send("conversation/set", "start")
        await stage.until_session(2)


async def test_other_devices_are_not_taken_for_the_room_of_those_before(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        with caplog.at_level(logging.INFO):
            stage.device.description = "another device"
            stage.device.vanish()
            await witness.until("state", "error")
            await witness.until("state", "idle")
        assert "the room of another device is not known yet" in caplog.messages


async def test_a_muted_microphone_stays_closed_when_the_device_comes_back(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("mute/set", "ON")
        await witness.until("state", "muted")
        stage.device.vanish()
        await witness.until("state", "error")
        await witness.until("state", "muted")
        await stage.news.until(lambda: stage.device.capturing is False)


async def test_a_device_that_vanishes_twice_comes_back_once(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        stage.device.vanish()
        stage.device.vanish()
        await witness.until("state", "error")
        await witness.until("state", "idle")
        await asyncio.sleep(3 * settings.audio.reopen_delay_s)
        assert stage.device.starts == 2
        assert not stage.running.done()


async def test_a_device_that_breaks_in_an_unknown_way_ends_the_speaker(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(now: float) -> None:
        raise RuntimeError("a mistake in the device")

    monkeypatch.setattr(sound, "HEARTBEAT_S", 0.01)
    async with on_stage(settings, run=False) as stage:
        monkeypatch.setattr(stage.device, "check", broken)
        stage.run()
        assert str(await stage.failed()) == "a mistake in the device"


async def test_an_engine_that_breaks_in_an_unknown_way_ends_the_speaker(settings: Settings) -> None:
    async with on_stage(settings) as stage:
        await stage.until_idle()
        stage.engine.lose(RuntimeError("a mistake in the engine"))
        assert str(await stage.failed()) == "a mistake in the engine"


async def test_a_wake_engine_that_breaks_ends_the_speaker(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        stage.wake.failure = RuntimeError("a mistake in the wake engine")
        stage.device.push(numbered(0), time.monotonic())
        stage.device.push(numbered(0), time.monotonic())
        assert str(await stage.failed()) == "a mistake in the wake engine"
        await witness.until("availability", "offline")


async def test_an_event_out_of_turn_ends_the_speaker(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        stage.speaker.emit(ev.SpeakerStarted())
        assert isinstance(await stage.failed(), IllegalEvent)
        await witness.until("availability", "offline")


async def test_a_mistake_in_a_callback_of_the_loop_ends_the_speaker(settings: Settings) -> None:
    def mistake() -> None:
        raise RuntimeError("a mistake in a callback")

    async with on_stage(settings) as stage:
        await stage.until_idle()
        asyncio.get_running_loop().call_soon(mistake)
        assert str(await stage.failed()) == "a mistake in a callback"


async def test_an_event_that_follows_from_another_comes_after_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        begin = stage.engine.begin

        def begin_and_stop(session: int) -> None:
            stage.speaker.emit(ev.StopRequested())
            begin(session)

        monkeypatch.setattr(stage.engine, "begin", begin_and_stop)
        stage.speaker.emit(ev.StartRequested())
        assert (stage.engine.begun, stage.engine.ended) == ([1], 1)
        assert (await witness.json("event/conversation"))["event_type"] == "started"
        assert (await witness.json("event/conversation"))["event_type"] == "ended"


async def test_without_a_broker_the_talk_goes_on_and_the_log_says_it_once(
    make_settings: MakeSettings, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_settings()
    mosquitto.stop()
    with caplog.at_level(logging.WARNING):
        async with on_stage(settings) as stage:
            await stage.until_idle()
            await stage.hear(30, wake_word=True)
            await stage.until_session(1)
            mosquitto.start()
            async with Witness(settings) as witness:
                heard = dict(await witness.until("state", "conversation"))
                assert heard["availability"] == "online"
                heard |= (
                    dict(await witness.until("conversation", "ON")) if "conversation" not in heard else {}
                )
                assert heard["conversation"] == "ON"
    complaints = [record.getMessage() for record in caplog.records if str(mosquitto.port) in record.message]
    assert len(complaints) == 1
