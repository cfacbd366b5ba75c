import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from moshi_speaker.events import Json, Side
from moshi_speaker.speaker.past import MAX_BYTES, told


@dataclass(frozen=True)
class Said:
    """An utterance."""

    side: Side
    text: str
    at: float


@dataclass(frozen=True)
class Talk:
    """A conversation."""

    id: str = "b-1"
    trigger: str = "mqtt"
    started: float = 1_000_000_000.0
    ended: float | None = 1_000_000_010.5
    reason: str | None = "stop"
    duration_s: float | None = 10.50049
    turns: int = 1
    utterances: tuple[Said, ...] = (Said(Side.ASSISTANT, "Grüß Gott", 1_000_000_002.25),)


def size(data: Json) -> int:
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())


def conversations(answer: dict[str, Json]) -> list[dict[str, Any]]:
    found = answer["conversations"]
    assert isinstance(found, list)
    return found


def words(number: int, characters: int) -> tuple[Said, ...]:
    return tuple(Said(Side.USER, f"{n:04}" + "ü" * (characters - 4), 0.0) for n in range(number))


def test_a_conversation_is_told_whole() -> None:
    assert told([Talk()]) == {
        "conversations": [
            {
                "id": "b-1",
                "trigger": "mqtt",
                "started_at": "2001-09-09T01:46:40.000+00:00",
                "ended_at": "2001-09-09T01:46:50.500+00:00",
                "reason": "stop",
                "duration_s": 10.5,
                "turns": 1,
                "utterances": [
                    {"side": "assistant", "text": "Grüß Gott", "ts": "2001-09-09T01:46:42.250+00:00"}
                ],
            }
        ],
        "truncated": False,
    }


def test_one_that_goes_on_has_no_end() -> None:
    (talk,) = conversations(told([Talk(ended=None, reason=None, duration_s=None)]))
    assert (talk["ended_at"], talk["reason"], talk["duration_s"]) == (None, None, None)


def test_of_many_the_newest_are_told_as_far_as_they_fit() -> None:
    talks = [replace(Talk(), id=f"b-{n}", utterances=words(10, 100)) for n in range(50)]
    answer = told(talks)
    found = conversations(answer)
    assert answer["truncated"] is True
    assert [talk["id"] for talk in found] == [f"b-{n}" for n in range(len(found))]
    assert MAX_BYTES - 3_000 < size(answer) < MAX_BYTES + 100


@pytest.mark.parametrize("others", [0, 3])
def test_of_one_that_is_too_long_the_latest_words_are_told(others: int) -> None:
    answer = told([Talk(utterances=words(1_000, 100)), *[Talk()] * others])
    (talk,) = conversations(answer)
    texts = [utterance["text"][:4] for utterance in talk["utterances"]]
    assert texts == [f"{n:04}" for n in range(1_000 - len(texts), 1_000)]
    assert answer["truncated"] is True
    assert MAX_BYTES - 500 < size(answer) < MAX_BYTES + 100


def test_nothing_is_told_of_nothing() -> None:
    assert told([]) == {"conversations": [], "truncated": False}


def test_words_that_are_no_unicode_do_not_break_the_measure() -> None:
    assert told([Talk(utterances=(Said(Side.USER, "\ud800", 0.0),))])["truncated"] is False
