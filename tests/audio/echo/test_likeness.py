import numpy as np
import pytest

from moshi_speaker.audio.echo.likeness import Likeness
from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from tests.audio.echo.sounds import babble, convolve, hops, noise, room

SECONDS = 12.0
FLOOR = 1e-6


def follows(played: Samples, heard: Samples, likeness: Likeness | None = None) -> bool:
    likeness = likeness or Likeness()
    for far, near in zip(hops(played), hops(heard), strict=False):
        likeness.hop(float(far @ far) / len(far), float(near @ near) / len(near), FLOOR)
    return likeness.alike


def late_echo(played: Samples, delay_s: float) -> Samples:
    echo = convolve(played, room(0.4, seed=2))
    return np.concatenate((np.zeros(round(delay_s * SAMPLE_RATE), np.float32), echo))[: len(played)]


@pytest.mark.parametrize("delay_s", [0.0, 0.7, 2.0])
def test_an_echo_follows_what_is_played_however_late_it_comes(delay_s: float) -> None:
    played = babble(SECONDS, seed=1)
    assert follows(played, late_echo(played, delay_s))


def test_it_does_so_while_somebody_talks() -> None:
    played = babble(SECONDS, seed=1)
    assert follows(played, late_echo(played, 0.9) + np.float32(0.3) * babble(SECONDS, seed=7)[: len(played)])


@pytest.mark.parametrize("seed", range(2, 6))
def test_another_voice_does_not(seed: int) -> None:
    assert not follows(babble(SECONDS, seed=1), babble(SECONDS, seed=seed))


def test_nor_does_a_room_where_nothing_of_it_is_heard() -> None:
    played = babble(SECONDS, seed=1)
    assert not follows(played, noise(len(played), 1e-3, seed=2))
    assert not follows(played, np.zeros_like(played))


def test_nor_does_somebody_who_talks_in_turn() -> None:
    turn = np.arange(round(SECONDS * SAMPLE_RATE)) // (2 * SAMPLE_RATE) % 2
    played, heard = babble(SECONDS, seed=1), babble(SECONDS, seed=4)
    n = len(played)
    assert not follows((played * turn[:n]).astype(np.float32), (heard * (1 - turn[:n])).astype(np.float32))


def test_an_echo_that_is_gone_is_forgotten() -> None:
    played, likeness = babble(SECONDS, seed=1), Likeness()
    assert follows(played, late_echo(played, 0.9), likeness)
    assert not follows(played, noise(len(played), 1e-3, seed=2), likeness)
    assert follows(played, late_echo(played, 0.9), likeness)
    likeness.forget()
    assert not likeness.alike
