from moshi_speaker.home.outgoing import Outgoing
from moshi_speaker.home.payloads import Message


def value(topic: str, payload: str) -> Message:
    return Message(topic, payload, qos=1, retain=True)


def event(payload: str) -> Message:
    return Message("event", payload, qos=1, retain=False)


def drain(outgoing: Outgoing) -> list[str]:
    taken = []
    while (message := outgoing.take()) is not None:
        taken.append(message.payload)
    return taken


def filled(*messages: Message, max_events: int = 10) -> Outgoing:
    outgoing = Outgoing(max_events)
    for message in messages:
        outgoing.put(message)
    return outgoing


def test_messages_leave_in_the_order_in_which_they_came() -> None:
    assert drain(filled(value("a", "1"), event("2"), value("b", "3"))) == ["1", "2", "3"]


def test_only_the_newest_value_of_a_topic_waits() -> None:
    assert drain(filled(value("a", "old"), event("e"), value("a", "new"))) == ["e", "new"]


def test_too_many_events_push_out_the_oldest_and_are_counted() -> None:
    outgoing = filled(value("a", "kept"), *(event(str(n)) for n in range(5)), max_events=3)
    assert drain(outgoing) == ["kept", "2", "3", "4"]
    assert outgoing.dropped == 2


def test_a_new_connection_gets_every_current_value_then_the_events() -> None:
    outgoing = filled(value("availability", "online"), value("state", "loading"))
    drain(outgoing)
    outgoing.put(event("heard"))
    outgoing.put(value("state", "idle"))
    outgoing.renew()
    assert drain(outgoing) == ["online", "idle", "heard"]


def test_unanswered_events_are_sent_again_before_later_ones_but_values_are_not() -> None:
    outgoing = filled(value("state", "idle"))
    drain(outgoing)
    outgoing.put(event("later"))
    outgoing.renew([value("state", "stale"), event("first")])
    assert drain(outgoing) == ["idle", "first", "later"]


def test_renewing_twice_repeats_nothing() -> None:
    outgoing = filled(value("state", "idle"), event("e"))
    outgoing.renew()
    outgoing.renew()
    assert drain(outgoing) == ["idle", "e"]


def test_unanswered_events_count_towards_the_bound() -> None:
    outgoing = filled(event("2"), event("3"), max_events=2)
    outgoing.renew([event("1")])
    assert drain(outgoing) == ["2", "3"]
    assert outgoing.dropped == 1
