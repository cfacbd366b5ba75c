"""Requests whose answers come from files or take a while, without a speaker around."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from moshi_speaker import events as ev
from moshi_speaker.errors import BadCommand, ConfigError
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.health import Health
from moshi_speaker.speaker.live import LiveSettings
from moshi_speaker.speaker.past import Past
from moshi_speaker.speaker.requests import MAX_UNDER_WAY, Requests
from moshi_speaker.speaker.tasks import Tasks
from tests.speaker.fakes import PATIENCE_S
from tests.speaker.test_past import Said, Talk


class Desk:
    """Where requests are made, and answers come."""

    def __init__(self, settings: Settings, **parts: Any) -> None:  # noqa: ANN401 (any part)
        self._answers: asyncio.Queue[ev.Report] = asyncio.Queue()
        self.live = LiveSettings(settings)
        self.errors: list[BaseException] = []
        self.tasks = Tasks(self.errors.append)
        self.shut_down = 0
        self.chosen: list[float | str] = []
        self.may_end = asyncio.Event()
        self.requests = Requests(
            self.live,
            self._answers.put_nowait,
            self.tasks,
            self,
            health=Health(self._answers.put_nowait, self.tasks, lambda: 0.0),
            try_out=self._try_out,
            shut_down=self._count,
            **parts,
        )

    async def ask(self, request: ev.Request) -> ev.ReportAnswer:
        """The answer to it."""
        self.requests.handle(request)
        return await self.answer()

    async def answer(self) -> ev.ReportAnswer:
        """The next one."""
        async with asyncio.timeout(PATIENCE_S):
            answer = await self._answers.get()
        assert isinstance(answer, ev.ReportAnswer)
        return answer

    def set_sensitivity(self, sensitivity: float) -> None:
        self.chosen.append(sensitivity)

    def choose(self, option: str) -> None:
        self.chosen.append(option)

    async def _try_out(self, frames: int) -> ev.Json:
        await self.may_end.wait()
        return {"frames": frames}

    def _count(self) -> None:
        self.shut_down += 1


OpenDesk = Callable[..., Desk]


@pytest.fixture
async def desk() -> AsyncIterator[OpenDesk]:
    """Opens desks with parts of one's own."""
    opened: list[Desk] = []
    threads = set(threading.enumerate())

    def open_desk(settings: Settings | None = None, **parts: Any) -> Desk:  # noqa: ANN401
        opened.append(Desk(settings or Settings(), **parts))
        return opened[-1]

    yield open_desk
    for one in opened:
        one.requests.close()
        await one.tasks.finish(timeout_s=PATIENCE_S)
        assert not one.errors
    for thread in set(threading.enumerate()) - threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


class Kept:
    """A history of two sides."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, Sequence[ev.Side]]] = []
        self.threads: set[str] = set()

    def conversations(self, limit: int, sides: Sequence[ev.Side]) -> Sequence[Talk]:
        self.asked.append((limit, sides))
        self.threads.add(threading.current_thread().name)
        said = [Said(side, f"{side} said this", 0.0) for side in ev.Side]
        return [Talk(utterances=tuple(one for one in said if one.side in sides))]


@pytest.mark.parametrize(
    ("user", "assistant", "sides"),
    [
        ("off", "off", ()),
        ("events", "off", (ev.Side.USER,)),
        ("off", "retained", (ev.Side.ASSISTANT,)),
        ("retained", "events", (ev.Side.USER, ev.Side.ASSISTANT)),
    ],
)
async def test_history_tells_words_of_those_sides_alone_that_may_be_told(
    desk: OpenDesk, user: str, assistant: str, sides: tuple[ev.Side, ...]
) -> None:
    settings = Settings.model_validate({"mqtt": {"transcripts": {"user": user, "assistant": assistant}}})
    kept: Past = Kept()
    answer = await desk(settings, past=kept).ask(ev.HistoryRequested(7, "t"))
    assert (answer.command, answer.error, answer.transaction) == ("history", "", "t")
    for side in ev.Side:
        assert (f"{side} said this" in str(answer.data)) is (side in sides)
    assert isinstance(kept, Kept)
    assert kept.asked == [(7, sides)]
    assert kept.threads == {"history-requests"}, "the event loop is never in it"


async def test_without_a_history_that_is_said(desk: OpenDesk) -> None:
    answer = await desk().ask(ev.HistoryRequested(7, 3))
    assert answer == ev.ReportAnswer(
        "history", error="nothing is kept of earlier conversations; set history.keep_days", transaction=3
    )


async def test_without_a_file_and_without_somebody_who_starts_again_that_is_said(desk: OpenDesk) -> None:
    one = desk()
    assert "without a file of settings" in (await one.ask(ev.ReloadRequested())).error
    assert "cannot start itself again" in (await one.ask(ev.RestartRequested())).error
    await asyncio.sleep(0)
    assert one.shut_down == 0


async def test_a_file_that_is_wrong_is_answered_with_its_line_and_changes_nothing(desk: OpenDesk) -> None:
    def reread() -> Settings:
        raise ConfigError("audio.volume is 101", where="/c.yaml:7", remedy="give a whole number")

    one = desk(reread=reread)
    answer = await one.ask(ev.ReloadRequested("t"))
    error = "/c.yaml:7: audio.volume is 101; give a whole number"
    assert answer == ev.ReportAnswer("reload", error=error, transaction="t")
    assert one.live.settings == Settings()


async def test_what_takes_a_while_does_not_keep_the_others(desk: OpenDesk) -> None:
    one = desk()
    one.requests.handle(ev.BenchRequested(25, "slow"))
    assert (await one.ask(ev.RestartRequested("quick"))).transaction == "quick"
    one.may_end.set()
    assert await one.answer() == ev.ReportAnswer("bench", {"frames": 25}, transaction="slow")


async def test_when_too_much_is_under_way_more_is_refused(desk: OpenDesk) -> None:
    one = desk()
    for number in range(MAX_UNDER_WAY):
        one.requests.handle(ev.BenchRequested(25, number))
    answer = await one.ask(ev.BenchRequested(25, "more"))
    assert (answer.transaction, answer.data) == ("more", None)
    assert "8 other requests are still worked on" in answer.error
    one.may_end.set()
    answers = [await one.answer() for _ in range(MAX_UNDER_WAY)]
    assert [answer.transaction for answer in answers] == list(range(MAX_UNDER_WAY))
    assert (await one.ask(ev.BenchRequested(3, "again"))).data == {"frames": 3}


async def test_a_refusal_that_comes_later_is_an_answer_too(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def try_out(frames: int) -> ev.Json:
        raise BadCommand("a conversation goes on", remedy="try again after it")

    monkeypatch.setattr(Desk, "_try_out", lambda self, frames: try_out(frames))
    answer = await desk().ask(ev.BenchRequested(25, "t"))
    assert answer == ev.ReportAnswer(
        "bench", error="a conversation goes on; try again after it", transaction="t"
    )
