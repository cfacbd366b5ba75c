"""Nothing that a client can publish stops or slows a talk, or keeps others from being answered."""

import asyncio
import gc
import json
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker.audio.frames import BLOCK_SAMPLES, FRAME_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.home.limiter import BURST
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.garbage import exempt_what_is_there
from tests.metronome import Metronome
from tests.speaker.fakes import FakeEngine
from tests.speaker.hostile import valid_transactions
from tests.speaker.stage import Stage, numbers, on_stage
from tests.speaker.witness import Witness

MakeSettings = Callable[..., Settings]

PER_S = 1_000
"""Messages a second of a flood."""
LINGER_S = 0.3
"""Seconds of talk after the last message, in which what was late would come."""
VOICE = 0.1 * np.sin(2 * np.pi * 400.0 / SAMPLE_RATE * np.arange(FRAME_SAMPLES)).astype(np.float32)


class PromptEngine(FakeEngine):
    """Answers each frame at once, with its voice."""

    def feed(self, frame: Samples) -> None:
        super().feed(frame)
        if self.talks:
            self.answer("", VOICE)


class LiveDevice:
    """Lets a fake device hear numbered frames and play, block by block in real time, as a driver's thread."""

    def __init__(self, stage: Stage) -> None:
        self._device = stage.device
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live device")
        self.blocks = 0
        """Blocks that were captured so far, and played."""
        self.late = 0
        """How often a block came so late that a loudspeaker with two blocks in hand had run dry."""
        self._thread.start()

    @property
    def frames(self) -> int:
        """Whole frames that were captured so far."""
        return self.blocks * BLOCK_SAMPLES // FRAME_SAMPLES

    def stop(self) -> None:
        """Hear nothing more."""
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        block_s = BLOCK_SAMPLES / SAMPLE_RATE
        began = time.monotonic()
        while True:
            due = began + (self.blocks + 1) * block_s
            ends = self._ends.wait(max(0.0, due - time.monotonic()))
            if ends and self.blocks * BLOCK_SAMPLES % FRAME_SAMPLES == 0:
                return
            self.late += time.monotonic() - due > 2 * block_s
            frame = self.blocks * BLOCK_SAMPLES // FRAME_SAMPLES
            block = np.full(BLOCK_SAMPLES, (frame + 1) * 1e-5, np.float32)
            self._device.exchange(block, began + self.blocks * block_s)
            self.blocks += 1


class Attacker:
    """A hostile process, and how it is commanded."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def send(self, *lines: str) -> None:
        """Let it send so many messages of a kind; the broker has them afterwards."""
        assert self._process.stdin is not None
        for line in lines:
            self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()
        for _ in lines:
            await self.until("done")

    async def until(self, word: str) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(120.0):
            assert await self._process.stdout.readline() == f"{word}\n".encode()


@asynccontextmanager
async def attacker(settings: Settings, per_s: float = PER_S, seed: int = 1) -> AsyncIterator[Attacker]:
    """One that knows the broker, and ends with the block."""
    root = f"{settings.mqtt.base_topic}/{settings.speaker.id}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tests.speaker.hostile"),
        *(str(settings.mqtt.port), root, str(seed), str(per_s)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    one = Attacker(process)
    await one.until("ready")
    try:
        yield one
    finally:
        assert process.stdin is not None
        process.stdin.close()
        assert await process.wait() == 0


@dataclass(frozen=True)
class Scene:
    """A talk that goes on, in which every frame is answered."""

    stage: Stage
    device: LiveDevice
    attacker: Attacker
    answers: Witness
    events: Witness
    metronome: Metronome

    async def everything_was_heard(self) -> None:
        """Let the talk go on for a moment, then end it and look back: nothing is missing, or was late.

        What was late counts on a machine that is in time itself.
        """
        await asyncio.sleep(LINGER_S)
        await asyncio.to_thread(self.device.stop)
        engine, last = self.stage.engine, self.device.frames - 1
        await self.stage.news.until(lambda: numbers(engine)[-1:] == [last])
        heard, figures = numbers(engine), self.stage.speaker.sound_figures
        assert heard == list(range(heard[0], last + 1)), "Moshi hears every frame, in order"
        assert (figures.gaps, figures.dropped_blocks) == (0, 0)
        if self.metronome.machine_is_quiet:
            assert self.stage.speaker._body.mixer.underruns == 0, "and is heard without a break"
            assert self.device.late == 0, "so that no loudspeaker runs dry"
        assert not self.stage.running.done()


@contextmanager
def as_in_its_own_process() -> Iterator[None]:
    """A program looks at its garbage as the speaker's does, and not at all the objects of the tests."""
    exempt_what_is_there()
    yield
    gc.unfreeze()


@asynccontextmanager
async def scene(make_settings: MakeSettings) -> AsyncIterator[Scene]:
    """One that has begun, at its fastest."""
    settings = make_settings(
        echo={"enabled": False}, conversation={"end_silence_s": 300.0, "no_speech_s": 300.0}
    )
    with Metronome() as metronome, as_in_its_own_process():
        async with (
            Witness(settings, "state") as state,
            Witness(settings, "response/#") as answers,
            Witness(settings, "event/#") as events,
            on_stage(settings, run=False) as stage,
            attacker(settings) as somebody,
        ):
            stage.prepare_engine(PromptEngine)
            stage.run()
            await state.until("state", "idle")
            device = LiveDevice(stage)
            try:
                await events.send("conversation/set", "start")
                await stage.until_session(1)
                yield Scene(stage, device, somebody, answers, events, metronome)
            finally:
                await asyncio.to_thread(device.stop)


async def test_ten_thousand_hostile_messages_neither_touch_a_talk_nor_keep_anybody_from_an_answer(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    kinds = ("mixture 6000", "volume 1000", "unmute 1000", "set 1000", "nonsense 1000")
    async with scene(make_settings) as talk:
        await talk.attacker.send(*kinds)
        await talk.everything_was_heard()
        assert talk.stage.engine.begun == [1]
        told = [json.loads(payload) for topic, payload in await talk.answers.rest()]
        wanted = valid_transactions(6_000)
        assert len(wanted) == 60
        assert wanted <= {answer["transaction"] for answer in told}
        assert all(answer["error"] for answer in told if answer["status"] == "error")
    lines = [record for record in caplog.records if record.name.startswith("moshi_speaker")]
    assert not [line for line in lines if line.levelno > logging.WARNING or line.exc_info]
    assert len([line for line in lines if line.levelno == logging.WARNING]) < 10
    assert sum("connected to the MQTT broker" in line.getMessage() for line in lines) == 1


@pytest.mark.parametrize("kind", ["start", "unmute", "volume", "set", "large"])
async def test_a_stop_in_a_flood_ends_the_talk_within_a_second(
    make_settings: MakeSettings, kind: str
) -> None:
    async with scene(make_settings) as talk:
        flood = asyncio.create_task(talk.attacker.send(f"{kind} 2000"))
        await asyncio.sleep(1.0)
        asked = time.monotonic()
        await talk.events.send("conversation/set", "stop")
        ended = await talk.events.json("event/conversation", event_type="ended")
        assert time.monotonic() - asked < 1.0
        assert ended["reason"] == "stop"
        await flood
        assert not talk.stage.running.done()


async def test_of_five_hundred_requests_at_once_each_is_answered_or_counted_in_a_refusal(
    make_settings: MakeSettings,
) -> None:
    async with scene(make_settings) as talk:
        await talk.attacker.send("set 500")
        await talk.answers.send(
            "request/set", '{"name": "audio.earcon_volume", "value": 7, "transaction": "last"}'
        )
        carried_out, refused = 0, 0
        while carried_out + refused < 501:
            answer = await talk.answers.json("response/set")
            if answer["status"] == "ok":
                carried_out += 1
            else:
                assert "at most 10 a second are answered" in answer["error"]
                refused += int(answer["error"].partition("too many requests, ")[2].split()[0])
        assert carried_out >= BURST
        await talk.everything_was_heard()
