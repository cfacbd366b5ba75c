"""Scenes sound as they are written."""

from dataclasses import replace

import numpy as np
import pytest

from moshi_speaker.audio.frames import FRAME_SAMPLES, SAMPLE_RATE
from moshi_speaker.audio.mixer import gain
from tests.room import acoustics, scenes
from tests.room.scenes import Line, Scene, render

pytestmark = pytest.mark.skipif(not scenes.HAS_ESPEAK, reason="not installed: espeak-ng")

SHORT = 4.0


def scene(**changes: object) -> Scene:
    """Moshi and somebody else in a booth, four seconds."""
    near = (Line(2.0, "en-us", "hello there", dbfs=-33.0),)
    return replace(scenes.single_talk("booth", SHORT), near=near, **changes)  # type: ignore[arg-type]


def test_a_scene_is_the_sum_of_its_parts_and_the_same_every_time() -> None:
    sound, again = render(scene()), render(scene())
    assert np.allclose(sound.mic, sound.echo + sound.near + sound.noise, atol=1e-6)
    assert np.array_equal(sound.mic, again.mic)
    assert len(sound.mic) == len(sound.far) and len(sound.mic) % FRAME_SAMPLES == 0


def test_everybody_is_as_loud_as_written() -> None:
    sound = render(scene(echo_dbfs=-27.0))
    assert acoustics.active_dbfs(sound.echo) == pytest.approx(-27.0, abs=0.1)
    assert acoustics.active_dbfs(sound.near) == pytest.approx(-33.0, abs=0.1)


def test_moshi_speaks_at_80_percent() -> None:
    sound = render(scene())
    assert np.abs(sound.far).max() <= gain(80)


def test_the_echo_comes_as_late_as_written() -> None:
    first = []
    for delay in (0.01, 0.21):
        sound = render(scene(delay=delay, noise_dbfs=-120.0, echo_dbfs=-20.0))
        product = np.fft.irfft(np.fft.rfft(sound.echo) * np.conj(np.fft.rfft(sound.far)))
        first.append(int(np.argmax(np.abs(product[:SAMPLE_RATE]))))
    assert first[1] - first[0] == pytest.approx(0.2 * SAMPLE_RATE, abs=1)


def test_with_headphones_there_is_no_echo() -> None:
    sound = render(scene(echo_dbfs=None))
    assert not sound.echo.any() and sound.far.any()


def test_a_moved_microphone_hears_the_same_until_then() -> None:
    still, moved = render(scene()), render(scene(moved_at=2.0))
    before = round(2.0 * SAMPLE_RATE)
    assert np.allclose(still.echo[:before], moved.echo[:before], atol=1e-5)
    assert not np.allclose(still.echo[before:], moved.echo[before:], atol=1e-3)
