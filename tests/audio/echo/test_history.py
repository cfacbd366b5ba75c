import numpy as np

from moshi_speaker.audio.echo.history import History
from moshi_speaker.audio.frames import HOP_SAMPLES


def rows(*levels: float) -> np.ndarray:
    return np.repeat(np.array(levels, np.float32)[:, np.newaxis], HOP_SAMPLES, axis=1)


def test_before_the_first_hop_there_was_silence() -> None:
    assert not History(4).near(4).any()


def test_the_latest_hops_are_kept_oldest_first() -> None:
    history = History(4)
    history.note(rows(1, 2, 3), rows(10, 20, 30))
    history.note(rows(4, 5), rows(40, 50))
    assert history.near(4)[::HOP_SAMPLES].tolist() == [2, 3, 4, 5]
    assert history.echo(2)[::HOP_SAMPLES].tolist() == [40, 50]
    assert history.near(3).shape == (3 * HOP_SAMPLES,)


def test_it_may_be_filled_at_once_and_keeps_copies() -> None:
    history, near = History(2), rows(1, 2)
    history.note(near, near)
    near[:] = 9.0
    assert history.near(2)[::HOP_SAMPLES].tolist() == [1, 2]
