from moshi_speaker.home.connection import Parcel
from moshi_speaker.home.payloads import Message
from moshi_speaker.home.suspects import PAUSE_S, STRIKES, Suspects


def value(payload: str, topic: str = "info") -> Parcel:
    return Parcel(Message(topic, payload, qos=1, retain=True))


def event(number: int) -> Parcel:
    return Parcel(Message("event", "same", qos=1, retain=False), number)


def answer(payload: str) -> Parcel:
    return Parcel(Message("response", payload, qos=1, retain=False))


def hung_up(suspects: Suspects, *unanswered: Parcel, others: int = 4, now: float = 0.0) -> Parcel | None:
    return suspects.hung_up(unanswered, others, now)


def test_in_the_beginning_nothing_is_suspected() -> None:
    suspects = Suspects()
    assert not suspects.careful
    assert not suspects.condemned(value("x"), 0.0)


def test_of_several_it_could_be_any_so_they_go_one_by_one_until_all_are_answered() -> None:
    suspects = Suspects()
    assert hung_up(suspects, event(1), value("x")) is None
    assert suspects.careful
    suspects.answered(event(1))
    assert suspects.careful
    suspects.answered(value("y"))  # the same topic, with what it is now
    assert not suspects.careful


def test_one_at_which_it_always_hangs_up_is_given_up() -> None:
    for culprit in (value("x"), event(7), answer("x")):
        suspects = Suspects()
        assert [hung_up(suspects, culprit) for _ in range(STRIKES)] == [None] * (STRIKES - 1) + [culprit]
        assert suspects.condemned(culprit, 1.0)
        assert not suspects.careful


def test_only_that_one_is_given_up() -> None:
    suspects = Suspects()
    for culprit in (event(7), value("x")):
        for _ in range(STRIKES):
            hung_up(suspects, culprit)
    others = (event(8), answer("same"), value("x", "state"))
    assert [suspects.condemned(one, 1.0) for one in (event(7), value("y"), *others)] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_after_an_hour_it_is_tried_once_and_nobody_is_told_again() -> None:
    suspects = Suspects()
    for _ in range(STRIKES):
        hung_up(suspects, value("x"))
    assert suspects.condemned(value("x"), PAUSE_S - 1.0)
    assert not suspects.condemned(value("x"), PAUSE_S)
    assert hung_up(suspects, value("x"), now=PAUSE_S) is None
    assert suspects.condemned(value("x"), 2 * PAUSE_S - 1.0)
    suspects.answered(value("x"))
    assert not suspects.condemned(value("x"), PAUSE_S + 1.0)


def test_a_broker_that_takes_nothing_at_all_does_not_mind_the_one_message() -> None:
    suspects = Suspects()
    for _ in range(3 * STRIKES):
        assert hung_up(suspects, value("online"), others=0) is None
    assert not suspects.condemned(value("online"), 1.0)


def test_one_that_was_answered_in_between_is_innocent() -> None:
    suspects = Suspects()
    for _ in range(5):
        for _ in range(STRIKES - 1):
            assert hung_up(suspects, event(7)) is None
        assert suspects.blamed
        assert suspects.answered(event(7))
        assert not suspects.answered(event(7))
        assert not suspects.blamed


def test_so_is_one_after_which_it_hung_up_at_another() -> None:
    suspects = Suspects()
    for number in (7, 7, 8, 7, 7, 8):
        assert hung_up(suspects, event(number)) is None
    assert hung_up(suspects) is None
    assert not suspects.careful
    assert hung_up(suspects, event(8)) is None


def test_what_is_dropped_meanwhile_is_not_suspected_for_ever() -> None:
    suspects = Suspects()
    hung_up(suspects, answer("1"), answer("2"))
    suspects.all_answered()
    assert not suspects.careful
