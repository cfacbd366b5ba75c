import numpy as np
import pytest

from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.frames import FRAME_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.selftest import rest
from moshi_speaker.selftest.recording import Block, Recording
from tests.selftest.rooms import recording


def noise(seconds: float, dbfs: float = -60.0) -> Samples:
    sound = np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))
    return np.asarray(10.0 ** (dbfs / 20.0) * sound, np.float32)


def test_the_noise_is_measured_beside_an_offset() -> None:
    found = rest.rest(noise(2.0) + np.float32(0.05))
    assert found.noise_dbfs == pytest.approx(-60.0, abs=0.2)
    assert found.offset == pytest.approx(0.05, abs=1e-4)
    assert (found.zeros, found.clipped) == (0.0, 0.0)


def test_zeros_and_full_scale_are_counted() -> None:
    sound = noise(1.0)
    sound[::4] = 0.0
    sound[1::8] = -1.0
    found = rest.rest(sound)
    assert (found.zeros, found.clipped) == (0.25, 0.125)


@pytest.mark.parametrize("factor", [1.0, 0.919])
def test_the_rates_are_those_of_the_clock_though_callbacks_come_late(factor: float) -> None:
    made = recording(np.zeros(10 * SAMPLE_RATE, np.float32), noise(10.0))
    rng = np.random.default_rng(0)
    late = Recording(
        tuple(
            Block(b.played, b.samples, b.at, b.called / factor + rng.exponential(0.005)) for b in made.blocks
        )
    )
    found = rest.stream(late)
    assert found.heard_hz == pytest.approx(factor * SAMPLE_RATE, rel=0.002)
    assert found.played_hz == pytest.approx(factor * SAMPLE_RATE, rel=0.002)


def test_a_short_recording_has_no_rate_and_an_empty_one_nothing() -> None:
    assert rest.stream(recording(noise(1.0), noise(1.0))).heard_hz is None
    found = rest.stream(Recording(()))
    assert (found.seconds, found.heard_hz, found.gaps, found.zeros) == (0.0, None, 0, 0.0)


def test_lost_sound_is_counted() -> None:
    blocks = list(recording(noise(2.0), noise(2.0)).heard)
    del blocks[5:8], blocks[12]
    assert rest.stream(Recording(tuple(blocks))).gaps == 2


def test_what_the_device_has_counted_counts_too() -> None:
    made = Recording(
        recording(noise(2.0), noise(2.0)).blocks, Defects(overflows=3, underflows=4, bad_samples=5)
    )
    found = rest.stream(rest.numbers_only(made))
    assert (found.gaps, found.holes, found.not_numbers) == (3, 4, 5)


def test_what_is_no_number_is_counted_and_its_block_silenced() -> None:
    sound = noise(1.0)
    sound[100], sound[5_000] = np.nan, np.inf
    made = recording(noise(1.0), sound)
    assert rest.stream(made).not_numbers == 2
    blocks = rest.numbers_only(made).heard
    assert [number for number, block in enumerate(blocks) if not block.samples.any()] == [
        0,
        5_000 // FRAME_SAMPLES,
    ]
