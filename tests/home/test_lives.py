from moshi_speaker.home import trouble
from moshi_speaker.home.backoff import Backoff
from moshi_speaker.home.lives import CONTESTED_LIVES, STABLE_S, UNCONTESTED_S, Lives
from moshi_speaker.home.trouble import Trouble

LOST = trouble.lost("unspecified error", "broker:1883")
SHUT_DOWN = trouble.dismissed(139, "Server shutting down", "moshi", "broker:1883")
TAKEN_OVER = trouble.dismissed(142, "Session taken over", "moshi", "broker:1883")


def steady(low: float, high: float) -> float:
    return high


def new_lives() -> Lives:
    return Lives(Backoff(1.0, 30.0, steady), Backoff(30.0, 45.0, steady))


def ended(lives: Lives, why: Trouble | None, lived_s: float) -> Trouble | None:
    return lives.ended(why, lived_s, "moshi", "broker:1883")


def test_tries_become_rarer_until_a_link_has_lived() -> None:
    lives = new_lives()
    assert [lives.pause() for _ in range(6)] == [1, 2, 4, 8, 16, 30]
    assert ended(lives, LOST, STABLE_S) is LOST
    assert lives.pause() == 1


def test_short_lives_in_a_row_are_the_work_of_another_client() -> None:
    lives = new_lives()
    found = [ended(lives, LOST, 1.0) for _ in range(CONTESTED_LIVES)]
    assert found[:-1] == [LOST] * (CONTESTED_LIVES - 1)
    assert found[-1] is not None
    assert found[-1].rival
    assert lives.contested


def test_a_life_that_was_long_breaks_the_row() -> None:
    lives = new_lives()
    for lived_s in (1.0, 1.0, STABLE_S, 1.0, 1.0):
        assert ended(lives, LOST, lived_s) is LOST
    assert not lives.contested


def test_a_broker_that_says_why_is_believed() -> None:
    lives = new_lives()
    assert [ended(lives, SHUT_DOWN, 0.1) for _ in range(9)] == [SHUT_DOWN] * 9
    assert not lives.contested


def test_our_own_end_is_no_trouble() -> None:
    lives = new_lives()
    assert [ended(lives, None, 0.1) for _ in range(5)] == [None] * 5
    assert not lives.contested


def test_two_that_take_the_connection_from_each_other_do_so_rarely() -> None:
    lives, now, tries = new_lives(), 0.0, 0
    while now < 3_600.0:
        assert ended(lives, TAKEN_OVER, 20.0) is TAKEN_OVER
        now += 20.0 + lives.pause()
        tries += 1
    assert tries < 3_600 / 60
    assert lives.contested


def test_a_link_that_nobody_takes_any_more_is_ours() -> None:
    lives = new_lives()
    ended(lives, TAKEN_OVER, 1.0)
    assert [lives.pause(), lives.pause(), lives.pause()] == [30, 45, 45]
    ended(lives, LOST, UNCONTESTED_S)
    assert not lives.contested
    assert lives.pause() == 1
    ended(lives, TAKEN_OVER, 1.0)
    assert lives.pause() == 30
