"""The watch over the device: what is noticed, what is done about it, and when it is over."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest

from moshi_speaker.audio.frames import BLOCK_SAMPLES
from moshi_speaker.errors import DeviceError, SpeakerError
from moshi_speaker.events import DeviceLost, DeviceRestored, Event
from moshi_speaker.speaker import heartbeat, sound
from moshi_speaker.speaker.heartbeat import Miss, Part, Signs
from moshi_speaker.speaker.sound import SILENT, Sound
from moshi_speaker.speaker.tasks import Tasks
from tests.speaker.fakes import PATIENCE_S, FakeDevice, News

ZEROS_S = 0.15
"""Seconds of zeros that are too many here."""
TICK_S = 0.01


class House:
    """A device at work, and a sound that watches it."""

    def __init__(self, zero_input_s: float = ZEROS_S) -> None:
        self.news = News()
        self.device = FakeDevice(self.news)
        self.events: list[Event] = []
        self.hung: list[Miss] = []
        self.opened: list[str] = []
        """Which devices were opened, each time."""
        self.failures: list[BaseException] = []
        self.level = 0.01
        """What the microphone hears."""
        self.captures = self.plays = self.scores = True
        """Whether these go on."""
        self.reopens = True
        """Whether a lost device is opened again."""
        self.later_s = self.slept_s = 0.0
        """By how much the clock jumped, and how long the machine has slept."""
        self.signs = Signs(self.clock)
        self.tasks = Tasks(self._failed)
        self.sound = Sound(
            self.device,
            lambda samples, at: None,
            lambda n, at: np.zeros(n, np.float32),
            clock=self.clock,
            emit=self._happened,
            tasks=self.tasks,
            signs=self.signs,
            hung=self._hangs,
            opened=self._opened,
            zero_input_s=zero_input_s,
            asleep=lambda: self.slept_s,
        )

    def clock(self) -> float:
        return time.monotonic() + self.later_s

    async def run(self) -> None:
        """Blocks come and go as long as the device is open."""
        while True:
            await asyncio.sleep(TICK_S)
            if self.device.capturing and self.captures:
                self.device.push(np.full(BLOCK_SAMPLES, self.level, np.float32), 0.0)
            if self.device.capturing is not None and self.plays:
                self.device.pull(0.02)
            if self.scores:
                self.signs.scored()

    async def until(self, event: Callable[[Event], bool]) -> Event:
        """The next event that is so."""
        found: list[Event] = []

        def look() -> bool:
            while self.events and not found:
                if event(self.events[0]):
                    found.append(self.events[0])
                self.events.pop(0)
            return bool(found)

        await self.news.until(look)
        return found[0]

    def _happened(self, event: Event) -> None:
        self.events.append(event)
        self.news.tell()
        if isinstance(event, DeviceLost) and self.reopens:
            self.sound.reopen(0.04)

    async def _opened(self, devices: str) -> None:
        self.opened.append(devices)

    def _hangs(self, miss: Miss) -> None:
        self.hung.append(miss)
        self.news.tell()

    def _failed(self, error: BaseException) -> None:
        self.failures.append(error)
        self.news.tell()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "HEARTBEAT_S", TICK_S)
    monkeypatch.setattr(sound, "FIRST_SOUND_S", 0.0)


@asynccontextmanager
async def house(zero_input_s: float = ZEROS_S) -> AsyncIterator[House]:
    there = House(zero_input_s)
    await there.sound.start()
    running = asyncio.create_task(there.run())
    try:
        yield there
    finally:
        running.cancel()
        there.device.may_stop.set()
        await there.sound.stop()
        await there.tasks.finish(timeout_s=PATIENCE_S)


def is_silent(event: Event) -> bool:
    return isinstance(event, DeviceLost) and event.code == SILENT


def is_lost(event: Event) -> bool:
    return isinstance(event, DeviceLost) and event.code == "device"


def is_restored(event: Event) -> bool:
    return isinstance(event, DeviceRestored)


async def test_nothing_happens_while_sound_comes_and_goes() -> None:
    async with house() as there:
        await asyncio.sleep(2 * ZEROS_S)
        assert not there.events
        assert there.device.starts == 1


@pytest.mark.parametrize(("platform", "cause"), [("darwin", "Privacy & Security"), ("linux", "muted")])
async def test_zeros_are_a_problem_that_names_its_cause(
    monkeypatch: pytest.MonkeyPatch, platform: str, cause: str
) -> None:
    async with house() as there:
        monkeypatch.setattr(sys, "platform", platform)
        there.reopens = False
        there.level = 0.0
        lost = await there.until(is_silent)
        assert isinstance(lost, DeviceLost)
        assert lost.message.startswith("the microphone gives nothing but zeros: a device of the tests; ")
        assert cause in lost.message
        assert there.device.capturing


async def test_sound_that_comes_back_by_itself_ends_the_problem_without_a_new_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with house() as there:
        monkeypatch.setattr(random, "uniform", lambda least, most: PATIENCE_S)
        there.level = 0.0
        await there.until(is_silent)
        there.level = 0.01
        await there.until(is_restored)
        assert there.device.starts == 1


async def test_a_silent_microphone_is_opened_again_and_counts_as_well_only_when_it_gives_sound() -> None:
    async with house() as there:
        there.level = 0.0
        for _ in range(3):
            await there.until(is_silent)
        assert there.device.starts >= 3
        assert not any(map(is_restored, there.events))
        there.level = 0.01
        await there.until(is_restored)
        assert there.sound.reopenings == there.device.starts - 1


async def test_it_is_told_which_devices_were_opened_each_time() -> None:
    async with house() as there:
        there.device.description = "another device"
        there.device.vanish()
        await there.until(is_restored)
        assert there.opened == ["a device of the tests", "another device"]


async def test_a_microphone_that_wakes_up_slowly_is_opened_again_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sound, "FIRST_SOUND_S", PATIENCE_S)
    async with house() as there:
        there.level = 0.0
        await there.until(is_silent)
        await there.news.until(lambda: there.device.starts == 2)
        await asyncio.sleep(3 * ZEROS_S)
        there.level = 0.01
        await there.until(is_restored)
        assert there.device.starts == 2


async def test_zeros_may_be_allowed() -> None:
    async with house(zero_input_s=0.0) as there:
        there.level = 0.0
        await asyncio.sleep(2 * ZEROS_S)
        assert not there.events


async def test_a_mute_ends_the_wait_for_sound_and_unmuting_begins_it_anew() -> None:
    async with house() as there:
        there.level = 0.0
        await there.until(is_silent)
        there.sound.set_capture(False)
        await there.until(is_restored)
        await there.news.until(lambda: there.device.capturing is False)
        await asyncio.sleep(2 * ZEROS_S)
        assert not there.events
        there.sound.set_capture(True)
        await there.until(is_silent)


async def test_a_silent_microphone_that_is_pulled_out_is_lost() -> None:
    async with house() as there:
        there.level = 0.0
        await there.until(is_silent)
        there.reopens = False
        there.device.refusals.extend([DeviceError("there is no microphone")])
        lost = await there.until(is_lost)
        assert lost == DeviceLost("there is no microphone")
        there.level = 0.01
        there.reopens = True
        there.sound.reopen(0.01)
        await there.until(is_restored)


@pytest.mark.parametrize(("what", "part"), [("captures", "microphone"), ("plays", "loudspeaker")])
async def test_a_direction_that_stands_still_is_opened_again(
    monkeypatch: pytest.MonkeyPatch, what: str, part: str
) -> None:
    monkeypatch.setattr(heartbeat, "STALL_S", 0.1)
    async with house() as there:
        setattr(there, what, False)
        lost = await there.until(is_lost)
        assert isinstance(lost, DeviceLost)
        assert lost.message.startswith(f"the {part} has stood still for 0.")
        setattr(there, what, True)
        await there.until(is_restored)


async def test_a_microphone_that_gives_nothing_after_it_was_opened_again_is_no_silent_one() -> None:
    async with house() as there:
        there.device.vanish()
        await there.until(is_lost)
        there.captures = False
        lost = await there.until(is_lost)
        assert lost == DeviceLost("the microphone delivers nothing: a device of the tests")
        there.captures = True
        await there.until(is_restored)


async def test_after_a_sleep_of_the_machine_the_device_is_opened_again() -> None:
    async with house() as there:
        there.slept_s = 120.0
        assert await there.until(is_lost) == DeviceLost("the machine slept for 120 s")
        await there.until(is_restored)
        assert there.device.starts == 2
        await asyncio.sleep(5 * TICK_S)
        assert not there.events


async def test_who_stood_still_himself_blames_nobody() -> None:
    async with house(zero_input_s=5.0) as there:
        there.level = 0.0
        there.later_s = 100.0
        await asyncio.sleep(10 * TICK_S)
        assert not there.events


@pytest.mark.parametrize("part", [Part.FRONT_END, Part.ENGINE])
async def test_parts_that_are_none_of_the_device_are_told(
    monkeypatch: pytest.MonkeyPatch, part: Part
) -> None:
    monkeypatch.setattr(heartbeat, "HANG_S", 0.1)
    async with house() as there:
        if part is Part.ENGINE:
            there.signs.talk(True)
        else:
            there.scores = False
        await there.news.until(lambda: any(miss.part is part and miss.age_s > 0.1 for miss in there.hung))


async def test_a_sound_system_that_does_not_answer_ends_the_speaker(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as there:
        monkeypatch.setattr(sound, "UNRESPONSIVE_S", 0.1)
        there.device.may_stop.clear()
        there.sound.reopen(0.01)
        await there.news.until(lambda: there.failures)
        (error,) = there.failures
        assert isinstance(error, SpeakerError)
        assert str(error).startswith("the sound system has not answered for")


async def test_the_pause_before_a_try_is_drawn_from_its_upper_half(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[float, float]] = []

    def draw(least: float, most: float) -> float:
        drawn.append((least, most))
        return 0.0

    monkeypatch.setattr(random, "uniform", draw)
    async with house() as there:
        there.device.vanish()
        await there.until(is_restored)
        assert drawn == [(0.02, 0.04)]
