import numpy as np
import pytest

from moshi_speaker.audio.echo.watch import Watch
from moshi_speaker.audio.frames import HOP_SAMPLES, Samples
from tests.audio.echo.sounds import noise

FAR, NEAR, QUIET = 0.1, 0.05, 5e-4
"""Amplitudes: of what is played, of its echo, of the room's noise."""


def hop(amplitude: float) -> Samples:
    """A hop of that power exactly."""
    sound = noise(HOP_SAMPLES, 1.0, seed=1)
    level: Samples = np.float32(amplitude) * sound / np.sqrt(np.mean(np.square(sound)))
    return level


def feed(
    watch: Watch, hops: int, left: float, near: float = NEAR, far: float = FAR, rival: float | None = None
) -> int:
    """So many hops of these amplitudes; in how many of them an echo was heard."""
    rest = None if rival is None else hop(rival)
    return sum(watch.hop(hop(far), hop(near), hop(left), rest) for _ in range(hops))


def watching() -> Watch:
    """In a room whose noise is known."""
    watch = Watch()
    for _ in range(1_000):
        watch.listen(hop(QUIET))
    return watch


def test_an_echo_is_heard_while_something_is_played_and_the_microphone_is_above_its_noise() -> None:
    watch = watching()
    assert feed(watch, 10, left=0.01) == 10
    assert feed(watch, 10, left=0.01, far=1e-4) == 0
    assert feed(watch, 10, left=QUIET, near=QUIET) == 0
    assert (watch.audible_hops, watch.played_hops) == (10, 20)


def test_the_noise_of_a_room_is_learnt_while_nothing_is_played() -> None:
    watch = Watch()
    for _ in range(3_000):
        watch.listen(hop(3e-3))
    assert feed(watch, 100, left=3e-3, near=3e-3) == 0


def test_a_microphone_that_delivers_nothing_for_a_while_has_no_noise_floor_of_nothing() -> None:
    watch = watching()
    for _ in range(100):
        watch.listen(hop(0.0))
    assert feed(watch, 100, left=QUIET, near=QUIET) == 0


def test_how_long_ago_something_was_played() -> None:
    watch = watching()
    feed(watch, 5, left=0.01)
    assert watch.quiet_hops == 0
    feed(watch, 7, left=QUIET, near=QUIET, far=1e-4)
    assert watch.quiet_hops == 7


def test_the_reduction_is_that_of_the_filter() -> None:
    watch = watching()
    feed(watch, 200, left=NEAR / 10)
    assert watch.reduction_db == pytest.approx(20, abs=0.1)


def test_a_filter_is_useful_once_it_took_most_of_the_echo_for_half_a_second() -> None:
    watch = watching()
    feed(watch, 50, left=0.005)
    early = watch.useful
    feed(watch, 1, left=0.005)
    later = watch.useful
    feed(watch, 100, left=0.04)
    assert (early, later, watch.useful) == (False, True, False)


def test_a_filter_that_leaves_most_of_a_loud_sound_is_doubted() -> None:
    watch = watching()
    feed(watch, 14, left=0.04)
    early = watch.doubtful
    feed(watch, 1, left=0.04)
    assert (early, watch.doubtful) == (False, True)


def test_one_that_is_good_is_not_doubted() -> None:
    watch = watching()
    feed(watch, 300, left=0.02)
    assert not watch.doubtful


def test_of_one_that_knew_the_room_more_is_asked() -> None:
    watch = watching()
    feed(watch, 300, left=0.003)
    feed(watch, 100, left=0.02)
    assert watch.doubtful


def test_an_echo_near_the_noise_is_no_reason_to_doubt() -> None:
    watch = watching()
    assert feed(watch, 100, left=4 * QUIET, near=4 * QUIET) == 100
    assert not watch.doubtful


def test_doubt_ends_where_the_filter_is_moved_and_does_well() -> None:
    watch = watching()
    feed(watch, 30, left=0.04)
    watch.moved()
    assert not watch.doubtful
    feed(watch, 100, left=0.01)
    assert not watch.doubtful


def test_a_rival_that_leaves_less_wins_after_a_while() -> None:
    watch = watching()
    feed(watch, 60, left=0.04)
    watch.rival_began()
    feed(watch, 19, left=0.04, rival=0.005)
    early = watch.rival_won
    feed(watch, 1, left=0.04, rival=0.005)
    assert (early, watch.rival_won, watch.rival_lost) == (False, True, False)
    watch.rival_ended(won=True)
    assert (watch.doubtful, watch.rival_won) == (False, False)
    assert watch.audible_hops == 0


def test_in_double_talk_a_rival_loses_and_there_is_none_for_a_while() -> None:
    watch = watching()
    feed(watch, 60, left=0.04)
    watch.rival_began()
    feed(watch, 399, left=0.04, rival=0.04)
    early = watch.rival_lost
    feed(watch, 1, left=0.04, rival=0.04)
    assert (early, watch.rival_lost, watch.rival_won) == (False, True, False)
    watch.rival_ended(won=False)
    feed(watch, 199, left=0.04)
    early = watch.doubtful
    feed(watch, 1, left=0.04)
    assert (early, watch.doubtful) == (False, True)


def test_a_filter_that_adds_to_the_sound_does_harm_and_in_the_end_is_pointless() -> None:
    watch = watching()
    feed(watch, 50, left=0.04)
    early = watch.harmful
    feed(watch, 20, left=0.08)
    assert (early, watch.harmful) == (False, True)
    feed(watch, 150, left=0.08)
    early = watch.pointless
    feed(watch, 50, left=0.08)
    assert (early, watch.pointless) == (False, True)
    watch.learning_began()
    assert (watch.pointless, watch.audible_hops) == (False, 0)


def test_harm_is_seen_also_where_the_microphone_hears_only_noise() -> None:
    watch = watching()
    feed(watch, 20, left=NEAR, near=QUIET)
    assert watch.harmful


def test_a_moment_without_harm_saves_a_filter() -> None:
    watch = watching()
    for _ in range(5):
        feed(watch, 150, left=0.06)
        feed(watch, 50, left=0.01)
    assert not watch.pointless
