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
    outgoing = Outgoing(lambda topic: topic, {"event": max_events, "answer": 2})
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
    assert outgoing.dropped == {"event": 2}


def test_one_kind_does_not_push_out_another() -> None:
    outgoing = filled(event("1"), *(Message("answer", f"a{n}", qos=1, retain=False) for n in range(5)))
    assert outgoing.put(event("2")) is None
    assert outgoing.put(Message("answer", "a5", qos=1, retain=False)) == "answer"
    assert drain(outgoing) == ["1", "a4", "2", "a5"]
    assert outgoing.dropped == {"answer": 4}


def test_what_was_taken_makes_room() -> None:
    outgoing = filled(event("1"), event("2"), max_events=2)
    assert outgoing.take() == event("1")
    assert outgoing.put(event("3")) is None
    assert drain(outgoing) == ["2", "3"]


def test_current_values_can_be_sent_again_with_what_they_are_now() -> None:
    outgoing = filled(value("availability", "online"), value("state", "loading"))
    drain(outgoing)
    outgoing.put(event("heard"))
    outgoing.put(value("state", "idle"))
    outgoing.repeat()
    assert drain(outgoing) == ["online", "idle", "heard"]
    assert len(outgoing) == 0


def test_a_value_that_is_withdrawn_is_sent_no_more() -> None:
    outgoing = filled(value("availability", "online"), value("state", "idle"))
    outgoing.withdraw("availability")
    outgoing.withdraw("unheard of")
    outgoing.renew()
    assert drain(outgoing) == ["idle"]


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
    assert outgoing.dropped == {"event": 1}
