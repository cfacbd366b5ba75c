"""Answers whose sound comes later than the next frame."""

from collections.abc import Callable
from queue import Queue
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.engine.answering import Answering
from moshi_speaker.engine.duet import LateReply
from moshi_speaker.engine.messages import Answer, Frame, Message
from moshi_speaker.errors import EngineError

SOUND = np.zeros(1_920, np.float32)
Take = Callable[[], NDArray[np.float32]]


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def frame(sequence: int) -> Frame:
    return Frame(1, sequence, SOUND)


def test_answers_go_out_in_order_and_when_their_sound_is_there() -> None:
    sent: list[Message] = []
    sounds: Queue[NDArray[np.float32]] = Queue()
    with Answering(sent.append, Clock(), lost=lambda: None) as answering:
        answering.put(frame(0), LateReply("a", False, sounds.get), 0.0, 0.0)
        answering.put(frame(1), LateReply("b", True, None), 0.0, 0.0)
        assert sent == []
        sounds.put(SOUND)
        answering.drain()
    answers = [answer for answer in sent if isinstance(answer, Answer)]
    assert [(answer.sequence, answer.text, answer.silent) for answer in answers] == [
        (0, "a", False),
        (1, "b", True),
    ]
    assert answers[0].audio is not None and answers[1].audio is None


def test_a_frame_takes_as_long_as_the_slower_of_hearing_and_speaking() -> None:
    sent: list[Message] = []
    clock = Clock()

    def at(now: float) -> Take:
        def take() -> NDArray[np.float32]:
            clock.now = now
            return SOUND

        return take

    def put(number: int, began: float, heard: float, spoken: float) -> None:
        clock.now = heard
        answering.put(frame(number), LateReply("", True, at(spoken)), arrived=began - 0.01, began=began)
        answering.drain()

    with Answering(sent.append, clock, lost=lambda: None) as answering:
        put(0, began=1.0, heard=1.04, spoken=1.07)
        put(1, began=2.0, heard=2.03, spoken=2.08)
    timings = [answer.timings for answer in sent if isinstance(answer, Answer)]
    assert [timing.compute_ms for timing in timings] == pytest.approx([40.0, 50.0])
    assert [timing.queued_ms for timing in timings] == pytest.approx([10.0, 10.0])


def test_a_voice_that_is_lost_ends_the_work_and_is_named() -> None:
    def take() -> NDArray[np.float32]:
        raise EngineError("the process of Moshi's voice ended")

    lost = Event()
    sent: list[Message] = []
    with Answering(sent.append, Clock(), lost=lost.set) as answering:
        answering.put(frame(0), LateReply("", True, take), 0.0, 0.0)
        answering.put(frame(1), LateReply("", True, None), 0.0, 0.0)
        with pytest.raises(EngineError, match="voice ended"):
            answering.drain()
    assert lost.wait(10)
    assert sent == []
