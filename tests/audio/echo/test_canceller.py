import numpy as np
import pytest

from moshi_speaker.audio.frames import HOP_SAMPLES, SAMPLE_RATE, Samples
from tests.audio.echo.sounds import (
    START,
    Talk,
    babble,
    convolve,
    noise,
    play,
    power_db,
    reduction_db,
    room,
    slowed,
)

ROOM = room(0.3, seed=2, delay=2_400)
QUIET = 5e-4
"""Amplitude of the room's noise."""


def heard(far: Samples, response: np.ndarray = ROOM, seed: int = 3) -> Samples:
    """What the microphone hears of what is played, over the noise of the room."""
    return convolve(far, response) + noise(len(far), QUIET, seed)


def talk_in_a_known_room() -> Talk:
    """4 s after the beginning of a talk, in a pause of it."""
    talk = Talk()
    far = babble(4.0, seed=1)
    far[-SAMPLE_RATE * 2 // 5 :] = 0.0  # until its echo has died away
    talk.run(far, heard(far))
    assert talk.canceller.state.located
    return talk


def test_an_unknown_room_is_learnt_from_the_first_words() -> None:
    talk, far = Talk(), babble(5.0, seed=1)
    near = heard(far)
    clean = talk.run(far, near)
    assert reduction_db(near, clean, 2.0, 3.0) > 20
    assert reduction_db(near, clean, 4.0, 4.9) > 25
    state = talk.canceller.state
    assert state.located
    assert state.delay_ms is not None
    assert abs(state.delay_ms - 100) < 1.0
    assert state.reduction_db is not None
    assert state.reduction_db > 20
    assert state.drift_ppm is not None
    assert abs(state.drift_ppm) < 5
    assert 3.0 < state.audible_s <= state.played_s <= 5.0


def test_a_remembered_room_is_clean_from_the_first_words() -> None:
    known = talk_in_a_known_room().canceller.room
    assert known is not None
    assert abs(known.delay + 0.01 - 0.1) < 0.001
    talk, far = Talk(), babble(2.0, seed=7)
    talk.canceller.recall(known)
    near = heard(far)
    clean = talk.run(far, near)
    assert reduction_db(near, clean, 0.0, 0.3) > 15
    assert reduction_db(near, clean, 0.3, 1.9) > 22
    assert talk.canceller.room is not None


def test_a_room_is_not_recalled_over_one_that_is_known() -> None:
    talk = talk_in_a_known_room()
    known = talk.canceller.room
    assert known is not None
    other = Talk()
    far = babble(4.0, seed=1)
    other.run(far, heard(far, room(0.3, seed=50, delay=6_000)))
    assert other.canceller.room is not None
    talk.canceller.recall(other.canceller.room)
    again = babble(1.0, seed=7)
    near = heard(again)
    assert reduction_db(near, talk.run(again, near, START + 4.0), 0.0, 0.9) > 20
    assert talk.canceller.room is not other.canceller.room


@pytest.mark.parametrize("slip", [0.001, -0.007, 0.02])
def test_a_remembered_room_may_be_misplaced_by_the_stamps_of_a_new_start(
    speech: Samples, slip: float
) -> None:
    hall = room(0.5, seed=4, delay=2_400, level=0.2, tail=0.15)
    learnt, far = Talk(), np.concatenate((speech, speech))
    learnt.run(far, heard(far, hall))
    known = learnt.canceller.room
    assert known is not None
    talk, again = Talk(), speech[: 2 * SAMPLE_RATE]
    talk.canceller.recall(known)
    near = heard(again, hall)
    clean = talk.run(again, near, slip=slip)
    assert reduction_db(near, clean, 0.4, 0.7) > 15
    assert reduction_db(near, clean, 0.7, 1.4) > 15


def test_a_room_that_is_forgotten_is_gone_until_it_is_recalled() -> None:
    talk = talk_in_a_known_room()
    known = talk.canceller.room
    assert known is not None
    far = babble(1.0, seed=7)
    near = heard(far)
    talk.canceller.forget()
    talk.run(far[:1_920], near[:1_920], START + 4.0)
    assert talk.canceller.room is None
    assert not talk.canceller.state.located
    talk.canceller.forget()
    talk.canceller.recall(known)
    clean = talk.run(far[1_920:], near[1_920:], START + 4.08)
    assert reduction_db(near[1_920:], clean, 0.0, 0.8) > 15


def test_what_was_recalled_before_the_devices_changed_is_forgotten_too() -> None:
    known = talk_in_a_known_room().canceller.room
    assert known is not None
    talk, silence = Talk(), np.zeros(1_920, np.float32)
    talk.canceller.recall(known)
    talk.canceller.forget()
    talk.run(silence, silence)
    assert not talk.canceller.state.located
    assert talk.canceller.room is None


def test_a_room_is_forgotten_at_once_also_while_nothing_is_heard() -> None:
    talk = talk_in_a_known_room()
    talk.canceller.forget()
    assert talk.canceller.room is None


def test_other_devices_have_not_played_anything_yet() -> None:
    talk = talk_in_a_known_room()
    talk.canceller.forget()
    silence = np.zeros(1_920, np.float32)
    talk.run(silence, silence, START + 4.0)
    assert talk.canceller.state.played_s == 0.0


def test_a_room_recalled_in_the_middle_of_a_talk_is_used_at_once() -> None:
    known = talk_in_a_known_room().canceller.room
    assert known is not None
    talk, far = Talk(), babble(1.0, seed=7)
    near = heard(far)
    talk.run(far[:3_840], near[:3_840])
    talk.canceller.recall(known)
    clean = talk.run(far[3_840:], near[3_840:], START + 3_840 / SAMPLE_RATE)
    assert reduction_db(near[3_840:], clean, 0.0, 0.3) > 15


def test_two_clocks_are_told_apart_by_the_echo() -> None:
    for ppm in (50.0, -50.0):
        talk, far = Talk(), babble(6.0, seed=1)
        near = slowed(convolve(far, ROOM), ppm) + noise(len(far), QUIET, seed=3)
        clean = talk.run(far, near)
        drift = talk.canceller.state.drift_ppm
        assert drift is not None
        assert abs(drift - ppm) < 5
        assert reduction_db(near, clean, 4.0, 5.9) > 22


def test_double_talk_keeps_the_talker_and_the_filter() -> None:
    talk = talk_in_a_known_room()
    far, talker = babble(3.0, seed=7), babble(3.0, seed=8, rms=0.05)
    echo = convolve(far, ROOM)
    clean = talk.run(far, echo + talker + noise(len(far), QUIET, seed=4), START + 4.0)
    rest = clean - talker[: len(clean)]
    assert power_db(echo) - power_db(rest) > 15
    assert power_db(talker) - power_db(rest) > 12


def test_a_moved_microphone_is_learnt_anew() -> None:
    talk = talk_in_a_known_room()
    far = babble(4.0, seed=7)
    near = heard(far, room(0.3, seed=77, delay=2_500))
    clean = talk.run(far, near, START + 4.0)
    assert reduction_db(near, clean, 0.0, 0.3) < 10
    assert reduction_db(near, clean, 3.0, 3.9) > 20


def test_a_microphone_moved_far_away_is_found_again() -> None:
    talk = talk_in_a_known_room()
    far = babble(6.0, seed=7)
    near = heard(far, room(0.3, seed=77, delay=9_600))
    clean = talk.run(far, near, START + 4.0)
    assert reduction_db(near, clean, 5.0, 5.9) > 20
    assert talk.canceller.state.delay_ms is not None
    assert abs(talk.canceller.state.delay_ms - 400) < 10


def test_with_headphones_not_a_bit_changes() -> None:
    talk, far = Talk(), babble(4.0, seed=1)
    near = babble(4.0, seed=9) + noise(len(far), QUIET, seed=3)
    clean = talk.run(far, near)
    assert np.array_equal(clean, near[: len(clean)])
    state = talk.canceller.state
    assert not state.located
    assert not state.unfound
    assert (state.reduction_db, state.delay_ms, state.drift_ppm) == (None, None, None)
    assert talk.canceller.room is None


def test_an_echo_too_late_for_the_filter_is_not_taken_for_none() -> None:
    talk, far = Talk(), babble(12.0, seed=1)
    late = np.roll(heard(far), SAMPLE_RATE)
    talk.run(far, late)
    state = talk.canceller.state
    assert not state.located
    assert state.unfound
    talk.run(babble(12.0, seed=7), noise(len(far), QUIET, seed=5), START + 12.0)
    assert not talk.canceller.state.unfound


def test_headphones_put_on_in_a_known_room_do_no_harm() -> None:
    talk = talk_in_a_known_room()
    far, near = babble(4.0, seed=7), noise(4 * SAMPLE_RATE, QUIET, seed=5)
    clean = talk.run(far, near, START + 4.0)
    assert reduction_db(near, clean, 0.5, 3.9) > -1
    state = talk.canceller.state
    assert not state.located
    assert state.played_s < 4.0, "whether there is an echo is to be found out anew"


def test_while_nothing_is_played_not_a_bit_changes() -> None:
    talk = talk_in_a_known_room()
    silence, near = np.zeros(4 * SAMPLE_RATE, np.float32), babble(4.0, seed=9)
    clean = talk.run(silence, near, START + 4.0)
    after = slice(2 * SAMPLE_RATE, None)
    assert np.array_equal(clean[after], near[: len(clean)][after])
    assert not any(frame.playing for frame in talk.frames[-20:])
    again = babble(1.0, seed=10)
    echo = heard(again)
    assert reduction_db(echo, talk.run(again, echo, START + 8.0), 0.0, 0.9) > 22


def test_a_model_that_listens_with_soft_noise_does_not_play() -> None:
    talk = talk_in_a_known_room()
    far = noise(SAMPLE_RATE, 3e-4, seed=7)
    talk.run(far, heard(far), START + 4.0)
    playing = [frame.playing for frame in talk.frames]
    assert all(playing[10:44])
    assert not any(playing[51:])


def test_a_loudspeaker_without_an_echo_is_not_heard_in_the_noise_of_a_room() -> None:
    talk, silence = Talk(), np.zeros(SAMPLE_RATE, np.float32)
    talk.run(silence, noise(SAMPLE_RATE, 5e-3, seed=4))
    far = babble(3.0, seed=7)
    talk.run(far, noise(len(far), 5e-3, seed=5), START + 80_640 / SAMPLE_RATE)
    state = talk.canceller.state
    assert state.played_s > 2.0
    assert state.audible_s < 0.1


def test_before_anything_was_played_the_sound_is_the_very_same() -> None:
    talk, near = Talk(), babble(0.8, seed=9)
    frames = [
        talk.canceller.clean(frame, START + i * 0.08) for i, frame in enumerate(near.reshape(-1, 1_920))
    ]
    assert np.array_equal(np.concatenate([frame.pcm for frame in frames]), near)
    assert not any(frame.playing for frame in frames)


def test_what_comes_out_is_as_long_and_of_the_same_kind() -> None:
    talk, far = Talk(), babble(3.0, seed=1)
    near = heard(far)
    talk.run(far, near)
    for frame in talk.frames:
        assert frame.pcm.shape == (1_920,)
        assert frame.pcm.dtype == np.float32
        assert np.isfinite(frame.pcm).all()
        assert np.isfinite(frame.echo_dbfs)
    hop = talk.canceller.clean(near[:HOP_SAMPLES], START + 3.0)
    assert hop.pcm.shape == (HOP_SAMPLES,)


def test_a_pause_of_the_microphone_is_followed_without_a_lesson() -> None:
    talk = talk_in_a_known_room()
    far = babble(3.0, seed=7)
    near, half, begin = heard(far), SAMPLE_RATE, SAMPLE_RATE * 3 // 2
    talk.run(far[:half], near[:half], START + 4.0)
    play(talk.reference, far[half - half % 1_920 : begin], START + 4.0 + (half - half % 1_920) / SAMPLE_RATE)
    clean = talk.run(far[begin:], near[begin:], START + 5.5)
    assert reduction_db(near[begin:], clean, 0.0, 0.2) > 20
    assert reduction_db(near[begin:], clean, 0.2, 1.4) > 22


def test_a_pause_of_the_loudspeaker_is_followed_without_a_lesson() -> None:
    talk = talk_in_a_known_room()
    far, gap = babble(2.4, seed=7), 14_400
    near = heard(np.concatenate((np.zeros(gap, np.float32), far)))
    for start in range(0, gap, 1_920):
        talk.canceller.clean(near[start : start + 1_920], START + 4.0 + start / SAMPLE_RATE)
    clean = talk.run(far, near[gap : gap + len(far)], START + 4.0 + gap / SAMPLE_RATE)
    assert reduction_db(near[gap:], clean, 0.0, 2.0) > 20


def test_zeros_and_full_scale_leave_only_numbers() -> None:
    talk = talk_in_a_known_room()
    silence = np.zeros(SAMPLE_RATE, np.float32)
    loud = np.sign(noise(SAMPLE_RATE, 1.0, seed=5)).astype(np.float32)
    at = START + 4.0
    for far, near in ((loud, silence), (silence, loud), (loud, loud), (silence, silence), (loud, -loud)):
        assert np.isfinite(talk.run(far, near, at)).all()
        at += 1.0
    far = babble(4.0, seed=7)
    near = heard(far)
    assert reduction_db(near, talk.run(far, near, at), 3.0, 3.9) > 20


def test_what_was_given_is_not_changed_and_not_kept() -> None:
    far, buffer = babble(4.0, seed=1), np.zeros(1_920, np.float32)
    near = heard(far)
    talk, other = Talk(), Talk()
    expected = talk.run(far, near)
    for start in range(0, len(near) - 1_919, 1_920):
        play(other.reference, far[start : start + 1_920], START + start / SAMPLE_RATE)
        buffer[:] = near[start : start + 1_920]
        clean = other.canceller.clean(buffer, START + start / SAMPLE_RATE).pcm
        assert np.array_equal(buffer, near[start : start + 1_920])
        assert np.array_equal(clean, expected[start : start + 1_920])
