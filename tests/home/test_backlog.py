import json

from moshi_speaker.home.backlog import LATE_S, Feed, MemoryBacklog, WaitingEvent, message
from moshi_speaker.home.payloads import Message

NOON = 1_000_000.0


def event(number: int, *, at: float = NOON, retain: bool = False) -> WaitingEvent:
    payload = f'{{"text":"ä {number}","event_id":"boot-e{number}","late":false}}'
    return WaitingEvent(number, "moshi-speaker/kitchen/transcript/user", payload, retain, at)


def filled(count: int, max_events: int = 100) -> MemoryBacklog:
    backlog = MemoryBacklog(max_events)
    for number in range(1, count + 1):
        backlog.put(event(number))
    return backlog


def numbers(feed: Feed) -> list[int]:
    found = []
    while (one := feed.next()) is not None:
        found.append(one.number)
    return found


def test_an_event_that_is_sent_in_time_goes_as_it_is() -> None:
    for retain in (False, True):
        waiting = event(1, retain=retain)
        assert message(waiting, NOON + LATE_S) == Message(waiting.topic, waiting.payload, 1, retain)


def test_an_event_that_is_sent_later_says_so_and_nothing_else_changes() -> None:
    payload = message(event(1), NOON + LATE_S + 0.1).payload
    assert payload == event(1).payload.replace("false", "true")
    assert list(json.loads(payload)) == ["text", "event_id", "late"]


def test_a_clock_that_was_set_back_makes_nothing_late() -> None:
    assert message(event(1), 0.0).payload == event(1).payload


def test_they_wait_until_they_are_confirmed_in_any_order() -> None:
    backlog = filled(4)
    backlog.confirm(2)
    backlog.confirm(2)
    backlog.confirm(4)
    assert [one.number for one in backlog.after(0, 10)] == [1, 3]
    assert [one.number for one in backlog.after(1, 10)] == [3]
    assert [one.number for one in filled(9).after(2, 3)] == [3, 4, 5]
    assert backlog.dropped == 0


def test_too_many_push_out_the_oldest_and_are_counted() -> None:
    backlog = filled(5, max_events=3)
    assert [one.number for one in backlog.after(0, 10)] == [3, 4, 5]
    assert backlog.dropped == 2


def test_a_feed_gives_each_once_in_batches_of_any_size() -> None:
    for batch in (1, 2, 3, 7, 8, 100):
        feed = Feed(filled(7), batch)
        assert numbers(feed) == [1, 2, 3, 4, 5, 6, 7]
        assert not feed.ready(0.0)


def test_a_feed_hears_of_news() -> None:
    backlog = filled(1)
    feed = Feed(backlog, 5)
    assert numbers(feed) == [1]
    backlog.put(event(2))
    expected = [feed.ready(0.0)]
    feed.notify()
    assert [*expected, feed.ready(0.0)] == [False, True]
    assert numbers(feed) == [2]


def test_a_feed_begins_again_with_the_oldest_that_was_not_confirmed() -> None:
    backlog = filled(5)
    feed = Feed(backlog, 2)
    assert [feed.next(), feed.next(), feed.next()] == [event(1), event(2), event(3)]
    backlog.confirm(1)
    backlog.confirm(3)
    feed.rewind()
    assert numbers(feed) == [2, 4, 5]


def test_a_feed_that_is_held_gives_nothing_and_then_begins_again() -> None:
    backlog = filled(3)
    feed = Feed(backlog, 2)
    assert numbers(feed) == [1, 2, 3]
    assert feed.wait_s(100.0) == float("inf")
    backlog.confirm(1)
    feed.hold(110.0)
    assert [feed.ready(100.0), feed.ready(109.9), feed.ready(110.0)] == [False, False, True]
    assert feed.wait_s(100.0) == 10.0
    assert numbers(feed) == [2, 3]
    assert not feed.ready(111.0)


def test_a_new_connection_holds_nothing() -> None:
    feed = Feed(filled(1), 2)
    feed.hold(110.0)
    feed.rewind()
    assert feed.ready(0.0)
