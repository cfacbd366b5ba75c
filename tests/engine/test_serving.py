"""What the engine process does with each message, without a process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.engine.answering import Answering
from moshi_speaker.engine.inbox import Inbox
from moshi_speaker.engine.interface import Memory
from moshi_speaker.engine.messages import (
    Answer,
    Begin,
    Configure,
    End,
    Frame,
    Message,
    Ping,
    Pong,
    Ready,
    Status,
)
from moshi_speaker.engine.serving import Worker, serve
from moshi_speaker.errors import CheckpointError, ProtocolError
from moshi_speaker.settings import EngineSettings, ModelSettings

CONFIGURE = Configure(ModelSettings(source="fake"), EngineSettings(warmup_frames=3, benchmark_frames=4))


@dataclass
class FakeReply:
    audio: NDArray[np.float32] | None = None
    text: str = "hi"
    silent: bool = False


@dataclass
class FakeDialogue:
    """Writes down what is asked of it; each step takes 50 ms of the fake clock."""

    now: float = 0.0
    calls: list[str] = field(default_factory=list)
    model: str = "fake"

    def reset(self) -> None:
        self.calls.append("reset")

    def step(self, pcm: NDArray[np.float32]) -> FakeReply:
        assert pcm.shape == (1_920,)
        self.calls.append("step")
        self.now += 0.05
        return FakeReply()

    def clock(self) -> float:
        return self.now


def frame(session: int, sequence: int = 0) -> Frame:
    return Frame(session, sequence, np.zeros(1_920, np.float32))


def served(dialogue: FakeDialogue, *messages: Message) -> list[Message]:
    """What comes out when these messages come in, after the start, and then the end."""
    inbox = Inbox()
    sent: list[Message] = []
    for message in (*messages, Ping(99)):
        inbox.put(message, dialogue.now)

    def send(message: Message) -> None:
        sent.append(message)
        if isinstance(message, Pong):
            inbox.close()

    def load(settings: ModelSettings, status: Callable[[str], None]) -> FakeDialogue:
        status(f"loading {settings.source}")
        return dialogue

    serve(inbox, send, load, dialogue.clock, started=-2.0)
    return sent


def test_the_start_reports_loads_warms_up_and_is_ready() -> None:
    dialogue = FakeDialogue()
    *states, ready, _ = served(dialogue, CONFIGURE)
    assert states == [Status("loading fake"), Status("warming up")]
    assert dialogue.calls == ["reset", *["step"] * 7, "reset"]
    assert isinstance(ready, Ready)
    assert ready.info.load_s == pytest.approx(2.35)
    assert ready.info.frame_ms == pytest.approx(50)
    assert ready.info.realtime_factor == pytest.approx(0.625)
    assert ready.info.frames_per_s == pytest.approx(20)
    assert (ready.info.model, ready.info.problem, ready.info.replaces) == ("fake", "", "")


def test_a_sound_that_is_no_number_is_heard_as_silence() -> None:
    heard: list[NDArray[np.float32]] = []

    class Listening(FakeDialogue):
        def step(self, pcm: NDArray[np.float32]) -> FakeReply:
            heard.append(pcm)
            return super().step(pcm)

    broken = np.full(1_920, 0.5, np.float32)
    broken[7] = np.nan
    whole = np.full(1_920, 0.5, np.float32)
    served(Listening(), CONFIGURE, Begin(1), Frame(1, 0, broken), Frame(1, 1, whole))
    assert [float(frame.max()) for frame in heard[-2:]] == [0.0, 0.5]


def test_nothing_else_may_come_first() -> None:
    with pytest.raises(ProtocolError, match="Begin before Configure"):
        served(FakeDialogue(), Begin(1))


def test_a_second_configuration_is_out_of_turn() -> None:
    with pytest.raises(ProtocolError, match="Configure out of turn"):
        served(FakeDialogue(), CONFIGURE, CONFIGURE)


def test_an_end_of_input_before_the_start_is_no_error() -> None:
    inbox = Inbox()
    inbox.close()
    serve(inbox, lambda message: None, lambda settings, status: FakeDialogue(), lambda: 0.0, 0.0)


def test_an_error_of_the_loader_passes_on() -> None:
    def load(settings: ModelSettings, status: Callable[[str], None]) -> FakeDialogue:
        raise CheckpointError("no weights")

    inbox = Inbox()
    inbox.put(CONFIGURE, 0.0)
    with pytest.raises(CheckpointError, match="no weights"):
        serve(inbox, lambda message: None, load, lambda: 0.0, 0.0)


@pytest.fixture
def dialogue() -> FakeDialogue:
    return FakeDialogue(now=5.0)


@pytest.fixture
def sent() -> list[Message]:
    return []


@pytest.fixture
def worker(dialogue: FakeDialogue, sent: list[Message]) -> Iterator[Worker]:
    with Answering(sent.append, dialogue.clock, lost=lambda: None) as answering:
        yield Worker(dialogue, sent.append, dialogue.clock, answering)


def test_a_frame_is_answered_with_its_number_and_timings(worker: Worker, sent: list[Message]) -> None:
    worker.handle(Begin(7), arrived=4.0)
    worker.handle(frame(7, 3), arrived=4.9)
    (answer,) = sent
    assert isinstance(answer, Answer)
    assert (answer.session, answer.sequence, answer.text) == (7, 3, "hi")
    assert answer.timings.queued_ms == pytest.approx(100)
    assert answer.timings.compute_ms == pytest.approx(50)


def test_the_state_is_fresh_before_a_session_begins_not_when_it_does(
    worker: Worker, dialogue: FakeDialogue
) -> None:
    worker.handle(Begin(1), arrived=0.0)
    worker.handle(frame(1), arrived=0.0)
    worker.handle(End(1), arrived=0.0)
    assert dialogue.calls == ["step", "reset"]
    worker.handle(Begin(2), arrived=0.0)
    assert dialogue.calls == ["step", "reset"]


def test_a_session_that_follows_without_an_end_is_fresh_too(worker: Worker, dialogue: FakeDialogue) -> None:
    worker.handle(Begin(1), arrived=0.0)
    worker.handle(frame(1), arrived=0.0)
    worker.handle(Begin(2), arrived=0.0)
    assert dialogue.calls == ["step", "reset"]


@pytest.mark.parametrize("opening", [[], [Begin(2)], [Begin(1), End(1)]])
def test_frames_of_a_session_that_is_not_open_are_ignored(
    opening: list[Message], worker: Worker, dialogue: FakeDialogue, sent: list[Message]
) -> None:
    for message in opening:
        worker.handle(message, arrived=0.0)
    worker.handle(frame(1), arrived=0.0)
    assert sent == []
    assert dialogue.calls == []


def test_a_ping_is_answered_by_the_thread_that_works(worker: Worker, sent: list[Message]) -> None:
    worker.handle(Ping(12), arrived=0.0)
    (pong,) = sent
    assert isinstance(pong, Pong)
    assert pong.sequence == 12
    assert isinstance(pong.memory, Memory)
