"""Another wake word, or another sensitivity, while the speaker runs; and with what it begins next time."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from moshi_speaker import events as ev
from moshi_speaker.errors import MissingPartError
from moshi_speaker.settings import Settings, WakeSettings
from moshi_speaker.speaker import listening
from moshi_speaker.speaker.listening import first_detector, maker, remembered
from moshi_speaker.speaker.memory import Memory
from moshi_speaker.wake.choice import present
from moshi_speaker.wake.detector import Detector
from moshi_speaker.wake.policy import WakePolicy
from moshi_speaker.wake.trigger import GATE_CHUNKS
from tests.speaker.fakes import PATIENCE_S, FakeWake, News
from tests.speaker.stage import Stage, numbers, on_stage
from tests.speaker.test_talk import MakeSettings
from tests.speaker.witness import Witness

QUICK = {"patience": 1, "refractory_s": 0.0}


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """One chunk is enough for a detection, and the next may be one too."""
    return make_settings(wake=QUICK)


class Shop:
    """Makes detectors, as slowly as the test says, and knows them."""

    def __init__(self) -> None:
        self.news = News()
        self.asked: list[str] = []
        """What was to be loaded, in this order."""
        self.engines: list[FakeWake] = []
        self.gate_chunks = 0
        self.refused: set[str] = set()
        self.open = threading.Event()
        self.open.set()

    def make(self, wake: WakeSettings) -> Detector | None:
        self.asked.append(present(wake))
        self.news.tell()
        assert self.open.wait(PATIENCE_S)
        if present(wake) in self.refused:
            raise MissingPartError("cannot be fetched", where=f"wake.words: {present(wake)}")
        if not wake.enabled:
            return None
        engine = FakeWake(self.news, tuple(word.name for word in wake.words))
        self.engines.append(engine)
        return Detector(engine, WakePolicy.from_settings(wake), gate_chunks=self.gate_chunks)

    async def until_asked(self, *names: str) -> None:
        """These loads have begun, and no other."""
        await self.news.until(lambda: len(self.asked) >= len(names))
        assert self.asked == list(names)


@asynccontextmanager
async def with_shop(settings: Settings, *, wake: bool = True) -> AsyncIterator[tuple[Stage, Shop]]:
    """A speaker whose other wake words come from a shop."""
    shop = Shop()
    async with on_stage(settings, wake=wake, make_detector=shop.make) as stage:
        await stage.until_idle()
        yield stage, shop
    assert all(engine.closed for engine in shop.engines)


async def test_another_wake_word_takes_the_place_of_the_first(settings: Settings) -> None:
    async with Witness(settings) as witness, with_shop(settings) as (stage, shop):
        await witness.until("wake_word", "hey_jarvis")
        await witness.send("wake_word/set", "alexa")
        await witness.until("wake_word", "alexa")
        assert stage.wake.closed
        await stage.hear_with(shop.engines[0], 20)
        assert (await witness.json("event/wake"))["wake_word"] == "alexa"
        await stage.until_session(1)
        assert stage.wake.chunks == 0
        assert stage.speaker._body.listening.present == "alexa"


async def test_a_new_detector_hears_for_a_while_before_it_may_be_sure(settings: Settings) -> None:
    async with Witness(settings) as witness, with_shop(settings) as (stage, shop):
        shop.gate_chunks = GATE_CHUNKS
        await witness.send("wake_word/set", "alexa")
        await witness.until("wake_word", "alexa")
        await stage.hear_with(shop.engines[0], GATE_CHUNKS)
        assert not stage.engine.begun
        await stage.hear_with(shop.engines[0], 1)
        await stage.until_session(1)


async def test_a_talk_is_not_disturbed(settings: Settings) -> None:
    async with Witness(settings) as witness, with_shop(settings) as (stage, shop):
        await witness.until("state", "idle")
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)
        await stage.hear_with(None, 10)
        shop.open.clear()
        await witness.send("wake_word/set", "alexa")
        await shop.until_asked("alexa")
        await stage.hear_with(None, 10)
        shop.open.set()
        heard = await witness.until("wake_word", "alexa")
        assert "ended" not in str(heard)
        await stage.hear_with(None, 10)
        await stage.news.until(lambda: numbers(stage.engine)[-1:] == [stage.pushed - 1])
        frames = numbers(stage.engine)
        assert frames == list(range(frames[0], stage.pushed)), "no frame is missing"
        await stage.hear_with(shop.engines[0], 1)
        assert (await witness.json("event/conversation", event_type="ended"))["reason"] == "stop"


async def test_while_it_loads_the_old_word_is_heard_and_only_the_newest_wish_is_loaded_next(
    settings: Settings,
) -> None:
    async with Witness(settings) as witness, with_shop(settings) as (stage, shop):
        await witness.until("state", "idle")
        shop.open.clear()
        await witness.send("wake_word/set", "alexa")
        await shop.until_asked("alexa")
        await stage.hear(30, wake_word=True)
        assert (await witness.json("event/wake"))["wake_word"] == "hey_jarvis"
        for name in ("hey_mycroft", "okay_nabu", "off", "hey_rhasspy"):
            await witness.send("wake_word/set", name)
        await witness.send("volume/set", "11")
        await witness.until("volume", "11")
        shop.open.set()
        await witness.until("wake_word", "hey_rhasspy")
        assert shop.asked == ["alexa", "hey_rhasspy"]
        assert [engine.closed for engine in shop.engines] == [True, False]


async def test_somebody_who_cannot_decide_does_not_have_wake_words_loaded_all_the_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "REST_S", 3_600.0)
    async with Witness(settings) as witness, with_shop(settings) as (_, shop):
        await witness.until("state", "idle")
        await witness.send("wake_word/set", "alexa")
        await witness.until("wake_word", "alexa")
        for name in ("hey_mycroft", "okay_nabu"):
            await witness.send("wake_word/set", name)
        await witness.send("volume/set", "11")
        await witness.until("volume", "11")
        assert shop.asked == ["alexa"]


async def test_a_flood_of_wishes_that_cannot_be_is_logged_once(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with Witness(settings) as witness, with_shop(settings):
        await witness.until("state", "idle")
        for number in range(10):
            await witness.send("wake_word/set", f"marvin {number}")
        await witness.send("volume/set", "11")
        await witness.until("volume", "11")
    assert sum("no wake word" in message for message in caplog.messages) == 1


async def test_a_word_that_does_not_load_leaves_the_old_one(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with Witness(settings) as witness, with_shop(settings) as (stage, shop):
        await witness.until("state", "idle")
        shop.refused = {"alexa"}
        await witness.send("wake_word/set", "alexa")
        await witness.until("wake_word", "hey_jarvis")
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)
        shop.refused = set()
        await witness.send("wake_word/set", "alexa")
        await witness.until("wake_word", "alexa")
    assert [message for message in caplog.messages if "alexa" in message] == [
        "wake.words: alexa: cannot be fetched; still listening for hey_jarvis"
    ]


@pytest.mark.parametrize("name", ["marvin", "None", "x" * 255, "hey_jarvis + alexa"])
async def test_a_word_that_is_not_offered_is_refused_and_the_present_one_told(
    settings: Settings, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.WARNING)
    async with Witness(settings) as witness, with_shop(settings) as (_, shop):
        await witness.until("state", "idle")
        await witness.send("wake_word/set", name)
        await witness.until("wake_word", "hey_jarvis")
        assert not shop.asked
    (line,) = [message for message in caplog.messages if "no wake word" in message]
    assert "there are hey_jarvis, " in line and len(line) < 200


async def test_off_means_that_nobody_listens_until_a_word_is_chosen(settings: Settings) -> None:
    async with Witness(settings) as witness, with_shop(settings) as (stage, shop):
        await witness.until("state", "idle")
        await witness.send("wake_word/set", "off")
        await witness.until("wake_word", "off")
        await stage.hear_with(stage.wake, 20)
        assert not stage.engine.begun and stage.wake.closed
        stage.speaker._body.vitals.report_now()
        figures = await witness.json("diagnostics")
        while figures["wake"]["near_misses"] is not None:
            figures = await witness.json("diagnostics")
        assert figures["sound"]["scored_s"] is not None, "what went past counts as a sign of life"
        await witness.send("wake_word/set", "hey_jarvis")
        await witness.until("wake_word", "hey_jarvis")
        await stage.hear_with(shop.engines[0], 20)
        await stage.until_session(1)


async def test_a_speaker_that_begins_without_a_wake_word_may_get_one(make_settings: MakeSettings) -> None:
    settings = make_settings(wake={**QUICK, "enabled": False})
    async with Witness(settings) as witness, with_shop(settings, wake=False) as (stage, shop):
        await witness.until("wake_word", "off")
        await witness.send("wake_word/set", "alexa")
        await witness.until("wake_word", "alexa")
        await stage.hear_with(shop.engines[0], 20)
        await stage.until_session(1)


async def test_counts_only_grow_whatever_is_chosen(settings: Settings) -> None:
    async with Witness(settings) as witness, with_shop(settings) as (stage, shop):
        await witness.until("state", "idle")
        listening = stage.speaker._body.listening
        stage.wake.score = 0.4  # near the threshold
        await stage.hear(30, wake_word=True)
        await stage.hear(10)
        assert (figures := listening.figures) and figures.near_misses == 1
        for name in ("alexa", "off", "hey_jarvis"):
            await witness.send("wake_word/set", name)
            await witness.until("wake_word", name)
            assert name == "off" or ((figures := listening.figures) and figures.near_misses == 1)
        await stage.hear_with(shop.engines[-1], 20)
        await stage.until_session(1)
        figures = listening.figures
        assert figures is not None
        assert (figures.near_misses, figures.detections, sum(figures.histogram)) == (1, 1, 1)


async def test_the_choice_survives_the_restart_unless_the_file_says_something_else(
    settings: Settings, make_settings: MakeSettings
) -> None:
    async with Witness(settings) as witness, with_shop(settings):
        await witness.until("state", "idle")
        await witness.send("wake_word/set", "off")
        await witness.until("wake_word", "off")
        await witness.send("wake_sensitivity/set", "0.7")
        await witness.until("wake_sensitivity", "0.7")
    async with Witness(settings) as witness, with_shop(settings):
        told = dict(await witness.until("state", "idle"))
        assert (told["wake_word"], told["wake_sensitivity"]) == ("off", "0.7")
    others = make_settings(wake={"words": ({"model": "alexa"},), "threshold": 0.6})
    async with Witness(settings) as witness, with_shop(others):
        told = dict(await witness.until("state", "idle"))
        assert (told["wake_word"], told["wake_sensitivity"]) == ("alexa", "0.4")


async def test_another_sensitivity_holds_at_once(settings: Settings) -> None:
    async with Witness(settings) as witness, with_shop(settings) as (stage, _):
        told = dict(await witness.until("state", "idle"))
        assert told["wake_sensitivity"] == "0.5"
        stage.wake.score = 0.4
        await stage.hear(30, wake_word=True)
        assert not stage.engine.begun
        await witness.send("wake_sensitivity/set", "0.65")
        await witness.until("wake_sensitivity", "0.65")
        await stage.hear(30, wake_word=True)
        await stage.until_session(1)
        await witness.send("wake_sensitivity/set", "0.65")
        await witness.until("wake_sensitivity", "0.65")
        request = {"name": "wake.threshold", "value": 0.2}
        await witness.send("request/set", json.dumps(request))
        await witness.until("wake_sensitivity", "0.8")
        await witness.send("wake_word/set", "alexa")
        await witness.until("wake_word", "alexa")
        assert stage.speaker._body.listening.wake.threshold == 0.2


async def test_a_sensitivity_is_forgotten_when_the_file_is_read_again(settings: Settings) -> None:
    async with Witness(settings) as witness, with_shop(settings) as (stage, _):
        await witness.until("state", "idle")
        await witness.send("wake_sensitivity/set", "0.7")
        await witness.until("wake_sensitivity", "0.7")
        stage.speaker._body.live.adopt(settings)
        await witness.until("wake_sensitivity", "0.5")
    assert Memory(settings.speaker.state_dir).wake_threshold(0.5) == 0.5


async def test_a_threshold_that_changes_while_a_word_loads_holds_for_it(settings: Settings) -> None:
    async with Witness(settings) as witness, with_shop(settings) as (stage, shop):
        await witness.until("state", "idle")
        shop.open.clear()
        await witness.send("wake_word/set", "alexa")
        await shop.until_asked("alexa")
        await witness.send("wake_sensitivity/set", "0.9")
        await witness.until("wake_sensitivity", "0.9")
        shop.open.set()
        await witness.until("wake_word", "alexa")
        detector = stage.speaker._body.listening._detector
        assert detector is not None and detector.policy.threshold == 0.1


async def test_a_stop_does_not_wait_for_a_word_that_loads(settings: Settings) -> None:
    shop = Shop()
    async with on_stage(settings, make_detector=shop.make) as stage:
        await stage.until_idle()
        shop.open.clear()
        stage.speaker.request(ev.WakeWordRequested("alexa"))
        await shop.until_asked("alexa")
        assert await stage.stopped() < 5.0
        stage.speaker.request(ev.WakeWordRequested("okay_nabu"))
        shop.open.set()
    assert shop.engines[0].closed, "although it came too late"
    assert shop.asked == ["alexa"]


async def test_a_real_word_takes_the_place_of_a_real_one(settings: Settings, tmp_path: Path) -> None:
    make = maker(tmp_path)
    first = make(settings.wake)
    assert first is not None
    async with on_stage(settings, wake=False, detector=first, make_detector=make) as stage:
        await stage.until_idle()
        listening = stage.speaker._body.listening
        stage.speaker.request(ev.WakeWordRequested("alexa"))
        while listening._changing:
            await stage.hear_with(None, 1)
        assert listening._detector is not None
        assert listening._detector.wake_words == ("alexa",)
        await stage.hear_with(None, 30)
        assert listening._detector.statistics.last_scored_at is not None
        await asyncio.sleep(0)


def memory_with(folder: Path, word: str, threshold: float = 0.5) -> Memory:
    memory = Memory(folder)
    memory.keep_wake_word(word, "hey_jarvis")
    memory.keep_wake_threshold(threshold, 0.5)
    return memory


def test_what_was_chosen_is_loaded_at_the_start(tmp_path: Path) -> None:
    memory = memory_with(tmp_path, "alexa", 0.3)
    detector = first_detector(WakeSettings(), memory, maker(tmp_path))
    assert detector is not None
    assert (detector.wake_words, detector.policy.threshold) == (("alexa",), 0.3)
    detector.close()
    assert first_detector(WakeSettings(), memory_with(tmp_path, "off"), maker(tmp_path)) is None


def test_a_choice_that_is_not_there_any_more_is_told_and_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert remembered(WakeSettings(), memory_with(tmp_path, "marvin")) == WakeSettings()
    assert caplog.messages == ["the wake word marvin is not there any more: listening for hey_jarvis"]


def test_a_choice_that_does_not_load_any_more_does_not_keep_the_speaker_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def make(wake: WakeSettings) -> Detector | None:
        if present(wake) == "alexa":
            raise MissingPartError("cannot be fetched", where="alexa.onnx")
        return maker(tmp_path)(wake)

    memory = memory_with(tmp_path, "alexa", 0.3)
    detector = first_detector(WakeSettings(), memory, make)
    assert detector is not None
    assert (detector.wake_words, detector.policy.threshold) == (("hey_jarvis",), 0.3)
    detector.close()
    assert caplog.messages == ["alexa.onnx: cannot be fetched; listening for hey_jarvis in place of alexa"]
    assert present(remembered(WakeSettings(), memory)) == "hey_jarvis"


def test_what_is_configured_and_does_not_load_ends_the_start(tmp_path: Path) -> None:
    def make(wake: WakeSettings) -> Detector | None:
        raise MissingPartError("cannot be fetched", where="hey_jarvis.onnx")

    for memory in (Memory(tmp_path), memory_with(tmp_path, "alexa")):
        with pytest.raises(MissingPartError, match=r"hey_jarvis\.onnx"):
            first_detector(WakeSettings(), memory, make)
