"""Frames wait in order, a few are under way, and the oldest gives way."""

import numpy as np
import pytest

from moshi_speaker.engine.backlog import IN_FLIGHT, Backlog
from moshi_speaker.engine.messages import Frame

ROOM = 64


def filled(count: int, limit: int = 50) -> Backlog:
    backlog = Backlog(limit)
    for sequence in range(count):
        backlog.push(Frame(1, sequence, np.zeros(1_920, np.float32)), now=sequence * 0.08)
    return backlog


def taken(backlog: Backlog, room: int = ROOM) -> list[int]:
    frames = []
    while frame := backlog.take(room):
        frames.append(frame.sequence)
    return frames


def test_only_a_few_frames_are_under_way_at_once() -> None:
    backlog = filled(10)
    assert taken(backlog) == list(range(IN_FLIGHT))
    assert len(backlog) == 10


def test_an_answer_lets_the_next_frame_go() -> None:
    backlog = filled(10)
    taken(backlog)
    assert backlog.answered(0, now=0.5) == 0.5
    assert taken(backlog) == [IN_FLIGHT]
    assert len(backlog) == 9


def test_an_answer_stands_for_all_frames_before_it() -> None:
    backlog = filled(3)
    taken(backlog)
    assert backlog.answered(2, now=1.16) == pytest.approx(1.0)
    assert not backlog.in_flight
    assert len(backlog) == 0


def test_the_oldest_waiting_frame_gives_way_and_is_counted() -> None:
    backlog = filled(7, limit=4)
    assert backlog.dropped == 3
    assert taken(backlog) == [3, 4, 5]


def test_no_frame_goes_without_room_for_its_answer() -> None:
    backlog = filled(5)
    assert taken(backlog, room=0) == []
    assert taken(backlog, room=1) == [0]
    assert taken(backlog, room=1) == []


def test_a_cleared_backlog_is_empty_but_remembers_what_was_dropped() -> None:
    backlog = filled(7, limit=4)
    taken(backlog)
    backlog.clear()
    assert len(backlog) == 0
    assert not backlog.in_flight
    assert backlog.dropped == 3
