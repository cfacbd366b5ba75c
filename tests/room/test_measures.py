"""The measures find what was put in."""

from dataclasses import replace

import numpy as np
import pytest

from tests.room import measures, scenes
from tests.room.cancelling import clean, nothing
from tests.room.scenes import Sound, render

pytestmark = pytest.mark.skipif(not scenes.HAS_ESPEAK, reason="not installed: espeak-ng")


@pytest.fixture(scope="module")
def both() -> Sound:
    """Somebody talks over Moshi."""
    return render(scenes.double_talk("booth", 0.0, seconds=12.0))


def test_nothing_reduces_nothing(both: Sound) -> None:
    out = clean(nothing, both)
    assert np.array_equal(out.pcm, both.mic) and len(out.echo_dbfs) == len(both.mic) // 1920
    assert measures.erle_db(both, out.pcm, 0.0) == 0.0
    assert measures.double_talk_reduction_db(both, out.pcm) == pytest.approx(0.0, abs=0.1)


def test_a_tenth_of_the_echo_is_20_db(both: Sound) -> None:
    out = both.near + both.noise + 0.1 * both.echo
    assert measures.double_talk_reduction_db(both, out) == pytest.approx(20.0, abs=0.1)
    assert measures.erle_db(both, out, 1.0, 4.0) == pytest.approx(20.0, abs=0.5)
    _, over_time = measures.erle_over_time(both, out)
    assert np.median(over_time) == pytest.approx(20.0, abs=1.0)


def test_the_talker_alone_is_understood_and_a_late_one_as_well(both: Sound) -> None:
    assert measures.stoi(both, both.near) == pytest.approx(1.0, abs=1e-3)
    assert measures.stoi(both, np.roll(both.near, 300)) == pytest.approx(1.0, abs=0.01)
    assert measures.stoi(both, both.mic) < 0.9


def test_wake_words_are_counted_where_they_are_said() -> None:
    scene = scenes.wake_words("booth", 0.0)
    two = render(replace(scene, near=scene.near[:2], echo_dbfs=None, seconds=14.0))
    assert measures.found_wake_words(two, two.mic) == 2
    assert measures.found_wake_words(two, two.noise) == 0


def test_speech_counts_where_it_is_louder_than_what_may_be_echo(both: Sound) -> None:
    out = clean(nothing, both)
    assert measures.noticed(both, out) > 0.9
    assert measures.heard_speech(replace(out, echo_dbfs=np.zeros_like(out.echo_dbfs))) == []
