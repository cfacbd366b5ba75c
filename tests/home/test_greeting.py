from moshi_speaker.home.greeting import BIRTH_S, Greeting


def test_nobody_waits_before_there_is_something_late() -> None:
    greeting = Greeting()
    assert not greeting.awaited(0.0)
    greeting.connected(10.0, late=False)
    assert not greeting.awaited(10.0)
    assert greeting.wait_s(10.0) == float("inf")


def test_what_is_late_waits_for_a_greeting() -> None:
    greeting = Greeting()
    greeting.connected(10.0, late=True)
    assert greeting.awaited(10.0)
    assert greeting.wait_s(12.0) == BIRTH_S - 2.0
    greeting.answered()
    assert not greeting.awaited(12.0)


def test_without_a_greeting_it_waits_for_a_while_only() -> None:
    greeting = Greeting()
    greeting.connected(10.0, late=True)
    assert not greeting.awaited(10.0 + BIRTH_S)
    assert greeting.wait_s(10.0 + BIRTH_S) == float("inf")


def test_each_connection_begins_anew() -> None:
    greeting = Greeting()
    greeting.connected(10.0, late=True)
    greeting.connected(11.0, late=False)
    assert not greeting.awaited(11.0)
