"""One session at a time: numbered frames out, answers in, and nothing from one session to the next."""

import numpy as np
import pytest

from moshi_speaker.engine import exchange
from moshi_speaker.engine.backlog import IN_FLIGHT
from moshi_speaker.engine.exchange import Exchange
from moshi_speaker.engine.interface import Timings
from moshi_speaker.engine.messages import Answer

SILENCE = np.zeros(1_920, np.float32)


def opened(frames: int, session: int = 1) -> Exchange:
    """A session with so many frames, fed every 80 ms."""
    talk = Exchange(max_backlog_frames=50)
    talk.begin(session)
    for number in range(frames):
        talk.feed(SILENCE, now=number * 0.08)
    return talk


def sent(talk: Exchange) -> list[int]:
    """The numbers of the frames that may go now."""
    numbers = []
    while frame := talk.next_frame():
        numbers.append(frame.sequence)
    return numbers


def answer(sequence: int, session: int = 1) -> Answer:
    return Answer(session, sequence, None, "", True, Timings(0.0, 1.0))


def test_frames_are_numbered_and_answers_read_in_order() -> None:
    talk = opened(2)
    assert sent(talk) == [0, 1]
    assert talk.accept(answer(0), now=0.1) and talk.accept(answer(1), now=0.2)
    first, second = talk.read(), talk.read()
    assert first is not None and second is not None
    assert [first.sequence, second.sequence] == [0, 1]
    assert [first.backlog, second.backlog] == [1, 0]
    assert first.latency_ms == pytest.approx(100)
    assert second.latency_ms == pytest.approx(120)
    assert talk.read() is None


def test_a_frame_that_the_caller_changes_afterwards_is_sent_as_it_was() -> None:
    talk, frame = opened(0), SILENCE.copy()
    talk.feed(frame, now=0.0)
    frame[:] = 1.0
    waiting = talk.next_frame()
    assert waiting is not None and not waiting.sound.any()


def test_without_a_session_nothing_is_fed_sent_or_accepted() -> None:
    talk = Exchange(max_backlog_frames=50)
    talk.feed(SILENCE, now=0.0)
    assert talk.next_frame() is None
    assert not talk.accept(answer(0), now=0.1)
    assert talk.dropped == 0


def test_the_end_forgets_frames_and_answers_and_the_next_session_counts_from_zero() -> None:
    talk = opened(5)
    sent(talk)
    talk.accept(answer(0), now=0.5)
    talk.end()
    assert talk.read() is None and not talk.in_flight
    talk.begin(2)
    assert not talk.accept(answer(1), now=0.6)
    talk.feed(SILENCE, now=0.6)
    assert sent(talk) == [0]


def test_what_was_answered_before_the_engine_went_can_still_be_read() -> None:
    talk = opened(3)
    sent(talk)
    talk.accept(answer(0), now=0.5)
    talk.close()
    assert talk.next_frame() is None
    assert talk.read() is not None


def test_no_frame_goes_while_too_many_answers_are_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_UNREAD", 1)
    talk = opened(5)
    assert sent(talk) == [0]
    talk.accept(answer(0), now=0.5)
    assert sent(talk) == []
    talk.read()
    assert sent(talk) == [1]
    assert IN_FLIGHT > 1
