from moshi_speaker.home.backoff import Backoff


def longest(low: float, high: float) -> float:
    return high


def shortest(low: float, high: float) -> float:
    return low


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(1.0, 5.0, longest)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_jitter_takes_at_most_half() -> None:
    backoff = Backoff(1.0, 5.0, shortest)
    assert [backoff.next() for _ in range(4)] == [0.5, 1.0, 2.0, 2.5]


def test_reset_begins_again() -> None:
    backoff = Backoff(1.0, 5.0, longest)
    backoff.next()
    backoff.next()
    backoff.reset()
    assert backoff.next() == 1.0


def test_two_speakers_do_not_wait_in_step() -> None:
    one, other = Backoff(1.0, 30.0), Backoff(1.0, 30.0)
    assert [one.next() for _ in range(8)] != [other.next() for _ in range(8)]
