from moshi_speaker.home.connection import Parcel
from moshi_speaker.home.payloads import Message
from moshi_speaker.home.suspects import STRIKES, Suspects


def value(payload: str, topic: str = "info") -> Parcel:
    return Parcel(Message(topic, payload, qos=1, retain=True))


def event(number: int) -> Parcel:
    return Parcel(Message("event", "same", qos=1, retain=False), number)


def answer(payload: str) -> Parcel:
    return Parcel(Message("response", payload, qos=1, retain=False))


def test_in_the_beginning_nothing_is_suspected() -> None:
    suspects = Suspects()
    assert not suspects.careful
    assert not suspects.condemned(value("x"))


def test_of_several_it_could_be_any_so_they_go_one_by_one_until_all_are_answered() -> None:
    suspects = Suspects()
    assert suspects.hung_up([event(1), value("x")]) is None
    assert suspects.careful
    suspects.answered(event(1))
    assert suspects.careful
    suspects.answered(value("y"))  # the same topic, with what it is now
    assert not suspects.careful


def test_one_at_which_it_always_hangs_up_is_given_up() -> None:
    for culprit in (value("x"), event(7), answer("x")):
        suspects = Suspects()
        assert [suspects.hung_up([culprit]) for _ in range(STRIKES)] == [None] * (STRIKES - 1) + [culprit]
        assert suspects.condemned(culprit)
        assert not suspects.careful


def test_only_that_one_is_given_up() -> None:
    suspects = Suspects()
    for _ in range(STRIKES):
        suspects.hung_up([event(7)])
    for _ in range(STRIKES):
        suspects.hung_up([value("x")])
    assert [suspects.condemned(one) for one in (event(7), event(8), answer("same"))] == [True, False, False]
    assert [suspects.condemned(one) for one in (value("y"), value("x", "state"))] == [True, False]


def test_one_that_was_answered_in_between_is_innocent() -> None:
    suspects = Suspects()
    for _ in range(5):
        for _ in range(STRIKES - 1):
            assert suspects.hung_up([event(7)]) is None
        assert suspects.blamed
        assert suspects.answered(event(7))
        assert not suspects.answered(event(7))
        assert not suspects.blamed


def test_so_is_one_after_which_it_hung_up_at_another() -> None:
    suspects = Suspects()
    for number in (7, 7, 8, 7, 7, 8):
        assert suspects.hung_up([event(number)]) is None
    assert suspects.hung_up([]) is None
    assert not suspects.careful
    assert suspects.hung_up([event(8)]) is None


def test_what_is_dropped_meanwhile_is_not_suspected_for_ever() -> None:
    suspects = Suspects()
    suspects.hung_up([answer("1"), answer("2")])
    suspects.all_answered()
    assert not suspects.careful
