"""Lines of the log over MQTT: which, how long, how many, and never what somebody said."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from moshi_speaker.events import ReportLogLine
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import loglines
from moshi_speaker.speaker.loglines import MAX_CHARACTERS, MAX_LINES, Level, LogLines
from tests.speaker.fakes import PATIENCE_S
from tests.speaker.stage import on_stage
from tests.speaker.witness import Witness

MakeSettings = Callable[..., Settings]

log = logging.getLogger("moshi_speaker.tests")


class Clock:
    """A clock that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def published() -> list[ReportLogLine]:
    return []


Publish = Callable[[ReportLogLine], None]
Listen = Callable[..., LogLines]


@pytest.fixture
def listen(published: list[ReportLogLine], clock: Clock) -> Iterator[Listen]:
    """Begins to publish from a level on."""
    opened: list[LogLines] = []

    def begin(level: Level, publish: Publish = published.append) -> LogLines:
        opened.append(LogLines(level, publish, clock))
        log.addHandler(opened[-1])
        return opened[-1]

    log.setLevel(logging.DEBUG)
    yield begin
    log.setLevel(logging.NOTSET)
    for handler in opened:
        log.removeHandler(handler)
        handler.close()


async def handed_over() -> None:
    """What was logged so far has come through the loop."""
    await asyncio.sleep(0)


def log_each_level() -> None:
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "at %d", level)


@pytest.mark.parametrize(
    ("level", "names"),
    [
        ("info", ["info", "warning", "error", "error"]),
        ("warning", ["warning", "error", "error"]),
        ("error", ["error", "error"]),
    ],
)
async def test_lines_from_a_level_on_are_published(
    listen: Listen, published: list[ReportLogLine], level: Level, names: list[str]
) -> None:
    listen(level)
    log_each_level()
    await handed_over()
    assert [line.level for line in published] == names
    assert published[-1] == ReportLogLine("error", "at 50", 100.0)


async def test_debug_is_not_published_even_if_somebody_sets_the_level(
    listen: Listen, published: list[ReportLogLine]
) -> None:
    listen("info").setLevel(logging.DEBUG)
    log.debug("assistant: the words")
    log.log(logging.INFO - 1, "the words")
    await handed_over()
    assert published == []


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("two\nlines\r\n and\ttabs ", "two lines and tabs"),
        ("\x1b[31mred\x00\x07", "[31mred"),
        ("right\u202eleft\u2028end\ud800", "right left end"),
        ("Grüß Gott 😀", "Grüß Gott 😀"),
        ("x" * 2_000, "x" * (MAX_CHARACTERS - 1) + "…"),
        ("x" * MAX_CHARACTERS, "x" * MAX_CHARACTERS),
    ],
)
async def test_a_line_is_one_line_and_short(
    listen: Listen, published: list[ReportLogLine], message: str, line: str
) -> None:
    listen("info")
    log.info("%s", message)
    await handed_over()
    assert [one.message for one in published] == [line]


async def test_of_an_error_its_kind_is_told_and_no_more(
    listen: Listen, published: list[ReportLogLine]
) -> None:
    listen("error")
    try:
        raise KeyError("the words")
    except KeyError:
        log.exception("a mistake")
    await handed_over()
    assert published[0].message == "a mistake (KeyError)"


async def test_a_line_whose_arguments_do_not_fit_is_published_as_it_is(
    published: list[ReportLogLine], clock: Clock
) -> None:
    handler = LogLines("info", published.append, clock)
    handler.handle(logging.LogRecord("x", logging.INFO, "", 0, "%d lines", ("two",), None))
    await handed_over()
    assert published[0].message == "%d lines"


async def test_of_a_flood_few_are_published_and_then_how_many_more_there_were(
    listen: Listen, published: list[ReportLogLine], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loglines, "WINDOW_S", 0.05)
    summed_up = asyncio.Event()

    def publish(line: ReportLogLine) -> None:
        published.append(line)
        if "more lines" in line.message:
            summed_up.set()

    listen("info", publish)

    def flood() -> None:
        for number in range(1_000):
            log.info("%d", number)
        log.error("the gravest")

    thread = threading.Thread(target=flood)
    thread.start()
    await asyncio.to_thread(thread.join)
    await handed_over()
    assert [line.message for line in published] == [str(number) for number in range(MAX_LINES)]
    await asyncio.wait_for(summed_up.wait(), PATIENCE_S)
    assert published[-1] == ReportLogLine("error", f"{1_001 - MAX_LINES} more lines", clock.now)
    log.info("in the same minute")
    await handed_over()
    assert len(published) == MAX_LINES + 1
    clock.now += 60.0
    log.info("in the next")
    await handed_over()
    assert published[-1].message == "in the next"


async def test_who_logs_after_the_end_of_the_loop_is_not_bothered(clock: Clock) -> None:
    def make() -> LogLines:
        async def begin() -> LogLines:
            return LogLines("info", lambda line: None, clock)

        return asyncio.run(begin())

    handler = await asyncio.to_thread(make)
    handler.handle(logging.LogRecord("x", logging.INFO, "", 0, "late", (), None))


async def test_the_house_reads_the_log_of_a_speaker_that_was_told_so(make_settings: MakeSettings) -> None:
    settings = make_settings(mqtt={"log": "info", "transcripts": {"assistant": "events"}})
    before = list(logging.getLogger().handlers)
    logging.getLogger("moshi_speaker").setLevel(logging.DEBUG)
    async with Witness(settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        stage.engine.answer(" private", None)
        stage.engine.answer(" words.", None)
        await stage.news.until(lambda: stage.engine.taken == 2)
        await witness.send("conversation/set", "stop")
        heard = await witness.until("log", that=lambda line: "ended: stop" in line)
        lines = [json.loads(payload) for topic, payload in heard if topic == "log"]
        told = [line for line in lines if line["message"].startswith("conversation ")]
        assert [line["level"] for line in told] == ["info", "info"]
        assert told[0]["ts"] < told[1]["ts"]
        assert not any("private" in line["message"] for line in lines)
    assert logging.getLogger().handlers == before


async def test_nothing_is_published_without_being_asked_for(settings: Settings) -> None:
    async with Witness(settings) as witness, on_stage(settings):
        heard = await witness.until("state", "idle")
        logging.getLogger("moshi_speaker").error("something")
        await witness.send("request/health", "")
        heard += await witness.until("response/health")
        assert "log" not in dict(heard)
