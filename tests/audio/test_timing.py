import pytest

from moshi_speaker.audio.timing import CREEP, RESET_SECONDS, PlaybackClock, StreamClock


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


def test_a_loudspeaker_that_asks_early_or_late_plays_on_evenly() -> None:
    clock = PlaybackClock()
    odd = {100: -0.019, 150: 0.06}
    stamps = [clock.stamp(i * 0.02 + odd.get(i, 0.0), 0.02) for i in range(200)]
    assert stamps == pytest.approx([i * 0.02 for i in range(200)], abs=1e-3)


def test_a_loudspeaker_with_a_clock_of_its_own_is_followed() -> None:
    clock = PlaybackClock()
    slow = 1.0002
    stamps = [clock.stamp(i * 0.02 * slow, 0.02) for i in range(10_000)]
    assert stamps[-1] == pytest.approx(9_999 * 0.02 * slow, abs=2e-3)


def test_a_buffer_that_is_filled_at_once_does_not_mislead_for_long() -> None:
    clock = PlaybackClock()
    for i in range(400):
        at = clock.stamp(max(0.0, i * 0.02 - 0.15), 0.02)
    assert at == pytest.approx(399 * 0.02 - 0.15, abs=5e-3)


def test_a_pause_of_the_loudspeaker_moves_the_time_on() -> None:
    clock = PlaybackClock()
    clock.stamp(0.0, 0.02)
    assert clock.stamp(0.1, 0.02, lost=True) == 0.1
    assert clock.stamp(0.12 + RESET_SECONDS, 0.02) == 0.12 + RESET_SECONDS
