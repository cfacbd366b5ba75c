from dataclasses import replace

import numpy as np
import pytest

from moshi_speaker.audio.echo import Rung
from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.selftest import Result, measure
from moshi_speaker.selftest.findings import Echo
from moshi_speaker.selftest.programme import Programme, programme, speech
from moshi_speaker.settings import EchoSettings
from tests.selftest.rooms import Room, played_in, recording


def measured(room: Room, speech_s: float = 6.0) -> Result:
    return measure(*played_in(room, speech_s=speech_s))


def echo(result: Result) -> Echo:
    assert result.findings.echo is not None
    return result.findings.echo


def heard_otherwise(room: Room, plan: Programme, factors: Samples) -> Echo:
    """In a room whose microphone turns the sound up and down."""
    return echo(measure(recording(plan.sound, room.hear(plan.sound) * factors), plan))


@pytest.mark.parametrize(
    "room", [Room(), Room(delay_s=0.25, t60_s=0.5), Room(gain=-0.5), Room(distortion=0.02)]
)
def test_the_echo_is_reduced_as_the_canceller_does_it(room: Room) -> None:
    found = echo(measured(room))
    assert found.reduction_db is not None
    assert found.own_estimate_db is not None
    assert found.reduction_db > 25.0
    assert found.reduction_db == pytest.approx(found.echo_dbfs - found.residual_dbfs, abs=3.0)
    assert found.reduction_db == pytest.approx(found.own_estimate_db, abs=9.0)
    assert found.open_after_s is not None
    assert found.open_after_s < 2.0
    assert found.delay_ms == pytest.approx(1e3 * room.delay_s, abs=12.0)
    assert (found.rung, found.broke_at_s) == (Rung.OPEN, None)


def test_the_sweep_has_taught_the_canceller_nothing() -> None:
    course = measured(Room()).course
    assert course is not None
    assert course.reduction_db[0] < 3.0


def test_the_canceller_is_set_as_the_speakers() -> None:
    made, plan = played_in(Room())
    suppressed, left = (
        echo(measure(made, plan, EchoSettings(suppress_residual=on))).residual_dbfs for on in (True, False)
    )
    assert left - suppressed > 3.0


@pytest.mark.parametrize("ppm", [-80.0, 120.0])
def test_two_clocks_are_told_apart(ppm: float) -> None:
    found = echo(measured(Room(drift=ppm * 1e-6, t60_s=0.2), speech_s=8.0))
    assert found.drift_ppm == pytest.approx(ppm, abs=15.0)


def test_what_is_left_in_noise_is_at_most_the_noise() -> None:
    found = echo(measured(Room(noise_dbfs=-45.0)))
    assert found.at_least
    assert found.reduction_db is not None
    assert 15.0 < found.reduction_db < 30.0


def test_an_echo_that_is_hardly_audible_has_no_reduction() -> None:
    found = echo(measured(Room(gain=0.003)))
    assert found.reduction_db is None
    assert found.missing_db is None


def test_an_echo_that_comes_later_than_the_canceller_looks_is_not_reduced() -> None:
    result = measured(Room(delay_s=0.9))
    assert result.findings.sweep.delay_ms == pytest.approx(900.0, abs=0.1)
    found = echo(result)
    assert not found.located
    assert found.reduction_db == pytest.approx(0.0, abs=0.5)
    assert found.open_after_s is None


def test_a_microphone_with_a_canceller_of_its_own_hears_less_speech_than_the_sweep_promises() -> None:
    plan = programme(100, 6.0)
    factors = np.ones(len(plan.sound), np.float32)
    factors[plan.speech + 2 * SAMPLE_RATE :] = 0.1
    missing = heard_otherwise(Room(), plan, factors).missing_db
    assert missing == pytest.approx(20.0, abs=3.0)
    assert echo(measured(Room())).missing_db == pytest.approx(0.0, abs=3.0)


def test_the_moment_is_told_at_which_the_echo_came_back() -> None:
    plan = programme(100, 6.0)
    factors = np.ones(len(plan.sound), np.float32)
    factors[plan.speech + 4 * SAMPLE_RATE :] = -1.0
    found = heard_otherwise(Room(), plan, factors)
    assert found.broke_at_s == pytest.approx(4.2, abs=0.5)


def test_who_speaks_meanwhile_is_noticed_and_a_poor_room_is_no_break() -> None:
    plan = programme(100, 6.0)
    heard = Room().hear(plan.sound)
    begin = plan.speech + 4 * SAMPLE_RATE
    heard[begin : begin + SAMPLE_RATE] += speech(1.0)
    assert echo(measure(recording(plan.sound, heard), plan)).broke_at_s == pytest.approx(4.0, abs=0.5)
    for room in (Room(t60_s=1.2), Room(distortion=0.5), Room(noise_dbfs=-45.0)):
        assert echo(measured(room, speech_s=8.0)).broke_at_s is None


def test_of_headphones_there_is_no_echo() -> None:
    result = measured(Room(gain=0.0))
    assert (result.findings.echo, result.cleaning, result.course) == (None, None, None)


def test_a_microphone_that_gives_nothing_is_measured_too() -> None:
    made, plan = played_in(Room())
    result = measure(replace(made, blocks=made.played), plan)
    assert result.findings.stream.seconds == 0.0
    assert not result.findings.sweep.heard


def test_one_value_that_is_no_number_spoils_nothing_else() -> None:
    plan = programme(100, 6.0)
    heard = Room().hear(plan.sound)
    heard[SAMPLE_RATE * 2] = np.nan
    result = measure(recording(plan.sound, heard), plan)
    assert result.findings.stream.not_numbers == 1
    assert echo(result).reduction_db is not None
    assert result.findings.rest.noise_dbfs == pytest.approx(-66.0, abs=0.5)
