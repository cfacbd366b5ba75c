"""What must hold of every trace."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def read_trace(path: Path) -> list[Event]:
    """The events of a trace file: in the order of their times, with spans that nest, in rows with names."""
    document = json.loads(path.read_text())
    events: list[Event] = document["traceEvents"]
    names = [event for event in events if event["ph"] == "M"]
    rest = [event for event in events if event["ph"] != "M"]
    assert [event["ts"] for event in rest] == sorted(event["ts"] for event in rest)
    rows = {(event["pid"], event["tid"]) for event in names if event["name"] == "thread_name"}
    assert {(event["pid"], event["tid"]) for event in rest} <= rows
    for row in rows:
        spans = [event for event in rest if event["ph"] == "X" and (event["pid"], event["tid"]) == row]
        _assert_nested(spans)
    _assert_paired([event for event in rest if event["ph"] in "be"])
    return rest


def spans(events: list[Event], name: str) -> list[Event]:
    """Those of one name."""
    return [event for event in events if event["ph"] == "X" and event["name"] == name]


def inside(inner: Event, outer: Event) -> bool:
    """Whether a span lies within another one of the same row."""
    same = (inner["pid"], inner["tid"]) == (outer["pid"], outer["tid"])
    ends = inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]
    return bool(same and outer["ts"] <= inner["ts"] and ends)


def _assert_nested(row: list[Event]) -> None:
    open_until: list[int] = []
    for event in row:
        assert event["dur"] >= 0
        while open_until and open_until[-1] <= event["ts"]:
            open_until.pop()
        end = event["ts"] + event["dur"]
        assert not open_until or end <= open_until[-1], f"{event} overlaps the span around it"
        open_until.append(end)


def _assert_paired(events: list[Event]) -> None:
    kinds = defaultdict(list)
    for event in events:
        kinds[event["cat"], event["id"], event["pid"]].append(event["ph"])
    assert all(
        sorted(kind) == ["b", "e"] * (len(kind) // 2) or set(kind) == {"b", "e"} for kind in kinds.values()
    )
