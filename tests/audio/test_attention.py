import numpy as np

from moshi_speaker.audio.attention import MEMORY_PIECES, AttentiveActivity
from moshi_speaker.audio.frames import Samples


class Loudness:
    """Judges by the first sample, and remembers since when it has a stream."""

    def __init__(self) -> None:
        self.stream: list[float] = []
        self.resets = 0

    def feed(self, samples: Samples) -> float:
        self.stream.append(float(samples[0]))
        return self.stream[-1]

    def reset(self) -> None:
        self.stream.clear()
        self.resets += 1


def piece(level: float) -> Samples:
    return np.full(1_280, level, np.float32)


def test_nothing_is_judged_while_nobody_wants_to_know() -> None:
    inner = Loudness()
    activity = AttentiveActivity(inner)
    assert [activity.feed(piece(0.5)) for _ in range(3)] == [0.0] * 3
    assert inner.stream == []


def test_the_latest_pieces_are_judged_later_and_once() -> None:
    inner = Loudness()
    activity = AttentiveActivity(inner)
    levels = [n / 64 for n in range(MEMORY_PIECES + 2)]
    for level in levels:
        activity.feed(piece(level))
    assert activity.catch_up() == levels[2:]
    assert activity.catch_up() == []
    assert activity.feed(piece(0.75)) == 0.75
    assert inner.stream == [*levels[2:], 0.75]


def test_who_begins_to_attend_hears_the_latest_pieces_first() -> None:
    inner = Loudness()
    activity = AttentiveActivity(inner)
    activity.feed(piece(0.25))
    activity.attending = True
    assert activity.feed(piece(0.5)) == 0.5
    assert inner.stream == [0.25, 0.5]


def test_a_pause_begins_a_new_stream() -> None:
    inner = Loudness()
    activity = AttentiveActivity(inner)
    activity.attending = True
    activity.feed(piece(0.25))
    activity.attending = False
    activity.feed(piece(0.5))
    activity.attending = True
    activity.feed(piece(0.75))
    assert inner.stream == [0.5, 0.75]


def test_a_reset_forgets_what_is_unjudged() -> None:
    inner = Loudness()
    activity = AttentiveActivity(inner)
    activity.feed(piece(0.25))
    activity.reset()
    assert inner.resets == 1
    assert activity.catch_up() == []
