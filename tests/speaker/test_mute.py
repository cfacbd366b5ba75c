"""Mute that can be trusted: over a restart, against a device that goes on, and with its own sounds."""

import asyncio
import logging
import os
import threading

import numpy as np
import pytest

from moshi_speaker import events as ev
from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, Samples
from moshi_speaker.audio.mixer import FADE_SAMPLES
from moshi_speaker.errors import DeviceError
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import keeping
from moshi_speaker.speaker.memory import FILE, Memory
from tests.speaker.fakes import PATIENCE_S
from tests.speaker.stage import Stage, on_stage
from tests.speaker.test_hard_stop import until_moshi_speaks
from tests.speaker.test_talk import MakeSettings, loud
from tests.speaker.witness import Witness


async def push_although_muted(stage: Stage, frames: int) -> None:
    """A device that does not care goes on to bring sound, and the front end has time for it."""
    for number in range(frames):
        stage.device.push(np.full(FRAME_SAMPLES, 0.1, np.float32), number * FRAME_SECONDS)
    assert await asyncio.to_thread(stage.speaker._body.ears._front_end.wait_idle, 10.0)
    await asyncio.sleep(0)


async def test_a_mute_survives_the_restart_and_the_microphone_never_opens(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("mute/set", "ON")
        await witness.until("state", "muted")
    async with Witness(settings) as witness, on_stage(settings) as stage:
        heard = await witness.until("state", "muted")
        assert ("mute", "ON") in heard
        assert stage.device.switched == [False], "it was never on"
        await push_although_muted(stage, 20)
        assert stage.wake.chunks == 0
        await witness.send("mute/set", "OFF")
        await witness.until("state", "idle")
        await stage.news.until(lambda: stage.device.capturing)
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        assert stage.device.switched == [True]


async def test_a_device_that_comes_back_while_muted_opens_without_its_microphone(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("mute/set", "ON")
        await witness.until("state", "muted")
        stage.device.refusals.append(DeviceError("busy"))
        stage.device.vanish()
        await witness.until("state", "error")
        await witness.until("state", "muted")
        assert stage.device.switched == [True, False, False]


async def test_while_muted_nothing_of_a_device_that_goes_on_reaches_any_part(settings: Settings) -> None:
    async with on_stage(settings) as stage:
        await stage.until_idle()
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)
        stage.speaker.emit(ev.MuteRequested(True))
        await push_although_muted(stage, 0)  # what was under way is through
        fed, chunks = len(stage.engine.fed), stage.wake.chunks
        await push_although_muted(stage, 30)
        assert (len(stage.engine.fed), stage.wake.chunks) == (fed, chunks)


async def test_a_mute_silences_the_loudspeaker_before_a_slow_disk_keeps_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        stage.speaker.emit(ev.StartRequested())
        await until_moshi_speaks(stage)
        played: list[Samples] = []
        monkeypatch.setattr(os, "fsync", lambda _: played.append(stage.device.pull(0.02)))
        stage.speaker.emit(ev.MuteRequested(True))
        await witness.until("mute", "ON")
        assert np.abs(played[0][FADE_SAMPLES:]).max() < 0.1


async def test_the_house_hears_of_a_mute_when_it_is_on_the_disk_and_nobody_waits_for_that(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda _: disk.wait(PATIENCE_S))
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        stage.speaker.emit(ev.MuteRequested(True))
        await stage.news.until(lambda: not stage.device.capturing)
        stage.speaker.emit(ev.VolumeRequested(35))
        heard = await witness.until("volume", "35")
        assert not {("mute", "ON"), ("state", "muted")} & set(heard)
        disk.set()
        assert ("mute", "ON") in await witness.until("state", "muted")
        assert Memory(settings.speaker.state_dir).muted


async def test_a_disk_that_hangs_keeps_the_house_from_knowing_for_a_moment_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda _: disk.wait(PATIENCE_S))
    monkeypatch.setattr(keeping, "PATIENCE_S", 0.05)
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        stage.speaker.emit(ev.MuteRequested(True))
        assert ("mute", "ON") in await witness.until("state", "muted")
        stage.speaker.emit(ev.MuteRequested(False))
        await stage.news.until(lambda: stage.device.capturing)
        disk.set()
        assert ("mute", "OFF") in await witness.until("state", "idle")
    assert "the disk hangs" in caplog.text
    assert not Memory(settings.speaker.state_dir).muted


async def test_the_last_of_many_mutes_is_what_holds(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        for number in range(51):
            stage.speaker.emit(ev.MuteRequested(number % 2 == 0))
        await witness.until("mute", "ON")
        await asyncio.gather(*stage.speaker._body.keeping.writing)
        assert Memory(settings.speaker.state_dir).muted
    assert Memory(settings.speaker.state_dir).muted


async def test_mute_and_unmute_have_their_own_sounds(make_settings: MakeSettings) -> None:
    settings = make_settings(mqtt={"enabled": False})
    async with on_stage(settings) as stage:
        await stage.until_idle()
        stage.speaker.emit(ev.MuteRequested(True))
        mute = stage.device.pull(0.5)
        stage.speaker.emit(ev.MuteRequested(False))
        unmute = stage.device.pull(0.5)
        assert loud(mute) and loud(unmute)
        assert not np.allclose(mute, unmute, atol=1e-3)


@pytest.mark.parametrize("earcons", [{"earcons": False}, {"wake_earcon": False}])
async def test_a_talk_may_begin_in_silence(make_settings: MakeSettings, earcons: dict[str, bool]) -> None:
    settings = make_settings(audio=earcons, mqtt={"enabled": False})
    async with on_stage(settings) as stage:
        await stage.until_idle()
        stage.speaker.emit(ev.StartRequested())
        assert not loud(stage.device.pull(0.5))
        stage.speaker.emit(ev.StopRequested())
        assert loud(stage.device.pull(1.0)) is ("earcons" not in earcons)


async def test_a_mute_that_cannot_be_kept_holds_until_the_end(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    (settings.speaker.state_dir / FILE).mkdir()
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "muted")  # since what it remembers cannot be read
        await witness.send("mute/set", "OFF")
        await witness.until("state", "idle")
        await witness.send("mute/set", "ON")
        await witness.until("state", "muted")
        await stage.news.until(lambda: stage.device.capturing is False)
    told = [message for message in caplog.messages if FILE in message]
    assert len(told) == 2
    assert "a folder" in told[0] and "cannot be written" in told[1]


async def test_the_volume_survives_the_restart(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings):
        await witness.until("state", "idle")
        await witness.send("volume/set", "35")
        await witness.until("volume", "35")
    async with Witness(settings) as witness, on_stage(settings):
        assert ("volume", "35") in await witness.until("state", "idle")
