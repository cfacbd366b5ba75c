import json
from pathlib import Path

import pytest

from moshi_speaker.bench.report import OURS, Times, read_times
from moshi_speaker.errors import UsageError
from tests.bench.reports import report


def test_the_json_has_every_sample_and_its_summary() -> None:
    found = json.loads(report().to_json())
    assert found["format"] == 1
    assert found["machine"]["cpu"] == "Chip"
    encode = found["times"][0]
    assert (encode["part"], encode["who"], encode["times_ms"]) == ("encode", OURS, [4.0, 5.0, 3.0])
    assert encode["summary_ms"]["median"] == 4.0
    assert len(found["session"]["steps_ms"]) == 60
    assert found["left_out"] == ["wake: no wake word"]


def test_a_peer_is_compared_with_ours_of_the_same_turns() -> None:
    found = {(part, peer): ratio for part, peer, ratio in report().comparisons()}
    encode = found["encode", "peer"]
    assert (encode.least, encode.most, encode.median) == (0.25, 0.5, 0.375)
    assert json.loads(report().to_json())["comparisons"][0]["ratio"]["median"] == 0.375


def test_our_other_way_to_do_the_same_is_compared_too() -> None:
    found = {(part, peer): ratio for part, peer, ratio in report().comparisons()}
    assert list(found) == [("encode", "peer"), ("codec", "peer"), ("codec, both at once", "peer")]
    assert found["codec, both at once", "peer"].most == pytest.approx(1 / 3)


def test_times_of_others_are_read_from_a_list(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    path.write_text('[{"part": "encode", "who": "peer", "times_ms": [1, 2.5], "more": 1}]')
    assert read_times(path) == [Times("encode", "peer", (1.0, 2.5))]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "list"),
        ('[{"part": "a", "who": "b"}]', r"0\.times_ms"),
        ('[{"part": "a", "who": "b", "times_ms": []}]', r"0\.times_ms"),
        ('[{"part": "a", "who": "b", "times_ms": [0]}]', r"0\.times_ms\.0"),
        ('[{"part": "a", "who": "b", "times_ms": [NaN]}]', r"0\.times_ms\.0"),
        (
            '[{"part": "a", "who": "b", "times_ms": [1]}, {"part": "a", "who": "c", "times_ms": [1, 2]}]',
            "equal number",
        ),
    ],
)
def test_a_list_that_is_none_is_refused_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "peers.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=complaint) as caught:
        read_times(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert "  " not in str(caught.value)


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_times(tmp_path / "peers.json")
