import pytest

from moshi_speaker.audio.timing import CREEP, RESET_SECONDS, StreamClock


def test_late_callbacks_do_not_move_the_time() -> None:
    clock = StreamClock()
    late = [0.0, 0.003, 0.1, 0.08, 0.06, 0.0]
    stamps = [clock.stamp(i * 0.02 + late[i], 0.02) for i in range(6)]
    assert stamps == pytest.approx([i * 0.02 for i in range(6)], abs=6 * 0.02 * CREEP)


def test_an_earlier_measurement_pulls_back() -> None:
    clock = StreamClock()
    clock.stamp(0.1, 0.02)
    assert clock.stamp(0.02, 0.02) == 0.02


def test_missing_sound_moves_the_time_on() -> None:
    clock = StreamClock()
    clock.stamp(0.0, 0.02)
    assert clock.stamp(0.02 + RESET_SECONDS, 0.02) == 0.02 + RESET_SECONDS
    assert clock.stamp(0.5, 0.02, lost=True) == 0.5


def test_a_slow_sound_card_is_followed() -> None:
    clock = StreamClock()
    slow = 1.0002
    stamps = [clock.stamp(i * 0.02 * slow, 0.02) for i in range(10_000)]
    assert stamps[-1] == pytest.approx(9_999 * 0.02 * slow, abs=1e-6)
