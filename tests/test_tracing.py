import threading
from pathlib import Path

import pytest

from moshi_speaker.errors import UsageError
from moshi_speaker.tracing import Tracer, Track, written
from tests.traces import inside, read_trace, spans


def no_clock() -> float:
    raise AssertionError("nobody asked for the time")


def test_spans_counters_and_names_are_written(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with written(path, no_clock) as tracer:
        tracer.span(Track.MODEL, "encode", 2.0, 2.01)
        tracer.span(Track.MODEL, "frame", 2.0, 2.05, frame=7)
        tracer.counter(Track.QUEUE, "backlog", 1.5, 3)
    counter, frame, encode = read_trace(path)
    assert (counter["ph"], counter["args"], counter["ts"]) == ("C", {"backlog": 3}, 1_500_000)
    assert (frame["ts"], frame["dur"], frame["args"]) == (2_000_000, 50_000, {"frame": 7})
    assert inside(encode, frame)


def test_what_follows_never_overlaps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with written(path, no_clock) as tracer:
        tracer.following(Track.MODEL, "frame", 1.0, 1.08)
        tracer.following(Track.MODEL, "frame", 1.07, 1.15)
        tracer.following(Track.MODEL, "frame", 1.10, 1.12)
    assert [(span["ts"], span["dur"]) for span in spans(read_trace(path), "frame")] == [
        (1_000_000, 80_000),
        (1_080_000, 70_000),
        (1_150_000, 0),
    ]


def test_what_may_overlap_is_told_apart_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with written(path, no_clock) as tracer:
        tracer.overlapping(Track.QUEUE, "waiting", 1.0, 3.0, 1)
        tracer.overlapping(Track.QUEUE, "waiting", 2.0, 4.0, 2)
    assert [(event["ph"], event["id"]) for event in read_trace(path)] == [
        *(("b", 1), ("b", 2), ("e", 1), ("e", 2)),
    ]


def test_a_full_trace_keeps_the_latest_and_counts_the_others() -> None:
    tracer = Tracer(no_clock, limit=3)
    for number in range(10):
        tracer.counter(Track.QUEUE, "backlog", float(number), number)
    document = tracer.document()
    assert [event["ts"] for event in document["traceEvents"] if event["ph"] == "C"] == [7e6, 8e6, 9e6]
    assert document["otherData"] == {"dropped events": 7}


def test_threads_write_while_the_trace_is_read() -> None:
    tracer = Tracer(no_clock, limit=100)
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            tracer.counter(Track.QUEUE, "backlog", 1.0, 1)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(200):
            tracer.document()
    finally:
        done.set()
        thread.join()


def test_a_trace_is_whole_also_after_an_interruption(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with pytest.raises(KeyboardInterrupt), written(path, no_clock) as tracer:
        tracer.span(Track.MIXER, "mixer", 0.0, 1.0)
        raise KeyboardInterrupt
    assert len(spans(read_trace(path), "mixer")) == 1


def test_a_file_that_cannot_be_written_is_told_before_the_talk(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "trace.json"
    with pytest.raises(UsageError, match="name another file with --trace"), written(path, no_clock):
        raise AssertionError("the talk began")


@pytest.mark.parametrize("text", ["RIFF a recording", "mqtt: {host: home}"])
def test_a_file_that_is_no_trace_is_never_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "valuable"
    path.write_text(text)
    with pytest.raises(UsageError, match="this is no trace, and would be lost"), written(path, no_clock):
        raise AssertionError("the talk began")
    assert path.read_text() == text


def test_an_earlier_trace_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    for _ in range(2):
        with written(path, no_clock) as tracer:
            tracer.span(Track.MIXER, "mixer", 0.0, 1.0)
    assert len(spans(read_trace(path), "mixer")) == 1
