import threading
from collections.abc import Callable

import numpy as np
import pytest

from moshi_speaker.audio.frames import BLOCK_SAMPLES, FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Samples
from moshi_speaker.audio.mixer import (
    CATCH_UP_SAMPLES,
    FADE_SAMPLES,
    LATE_SAMPLES,
    MAX_WAITING_EARCONS,
    Mixer,
    gain,
    limit,
)

Tone = Callable[..., Samples]
FRAME = np.full(FRAME_SAMPLES, 0.5, np.float32)
QUIET_FRAME = np.zeros(FRAME_SAMPLES, np.float32)


def full(**options: int) -> Mixer:
    mixer = Mixer(100, 100, **options)
    mixer.open_voice()
    return mixer


def render(mixer: Mixer, blocks: int) -> Samples:
    return np.concatenate([mixer.render(BLOCK_SAMPLES, 0.0) for _ in range(blocks)])


def test_nothing_to_play_is_silence_and_no_underrun() -> None:
    mixer = full()
    assert not render(mixer, 10).any()
    mixer.close_voice()
    assert not render(mixer, 10).any()
    assert mixer.underruns == 0


def test_silence_does_not_hide_a_volume_that_changes_or_a_sound_that_begins(tone: Tone) -> None:
    mixer = Mixer(100, 100)
    sound = tone(440, 0.1)
    assert not render(mixer, 2).any()
    mixer.volume = 50
    assert not render(mixer, 2).any()
    mixer.play(sound)
    played = render(mixer, 6)
    assert np.allclose(played[: len(sound)], gain(50) * sound, atol=1e-6)


def test_the_voice_comes_whole_after_one_frame_of_delay(tone: Tone) -> None:
    mixer = full()
    voice = tone(440, 0.4)
    for start in range(0, len(voice), FRAME_SAMPLES):
        mixer.play_voice(voice[start : start + FRAME_SAMPLES])
    played = render(mixer, 24)
    assert not played[:FRAME_SAMPLES].any()
    assert np.allclose(played[FRAME_SAMPLES:], voice, atol=1e-6)


def test_a_frame_that_is_up_to_80_ms_late_does_not_crackle() -> None:
    mixer = full()
    mixer.play_voice(FRAME)
    played = [render(mixer, 8)]  # the second frame comes only now, 160 ms after the first
    mixer.play_voice(FRAME)
    played.append(render(mixer, 3))
    assert mixer.underruns == 0
    sound = np.concatenate(played)[FRAME_SAMPLES:]
    assert np.array_equal(sound, np.full_like(sound, 0.5))


def test_a_dry_voice_counts_once_fades_and_comes_back_softly() -> None:
    mixer = full(jitter_samples=0)
    mixer.play_voice(FRAME)
    gone = render(mixer, 8)
    assert mixer.underruns == 1
    mixer.play_voice(FRAME)
    back = render(mixer, 4)
    sound = np.concatenate([gone, back])
    assert np.abs(np.diff(sound)).max() < 0.5 / FADE_SAMPLES * 1.1
    assert not gone[FRAME_SAMPLES + FADE_SAMPLES :].any()
    assert back[-1] == 0.5


def test_a_voice_that_was_closed_plays_its_rest_and_is_no_underrun() -> None:
    mixer = full()
    mixer.play_voice(FRAME)
    mixer.close_voice()
    mixer.play_voice(FRAME)
    played = render(mixer, 12)
    assert np.count_nonzero(played) == pytest.approx(FRAME_SAMPLES + FADE_SAMPLES, abs=2)
    assert mixer.underruns == 0


def test_the_delay_for_late_frames_is_there_again_in_the_next_conversation() -> None:
    mixer = full()
    mixer.play_voice(FRAME)
    render(mixer, 10)
    mixer.close_voice()
    mixer.open_voice()
    mixer.play_voice(FRAME)
    assert not mixer.render(FRAME_SAMPLES, 0.0).any()
    assert mixer.render(FRAME_SAMPLES, 0.0).any()


def test_too_much_voice_drops_the_oldest_and_counts() -> None:
    mixer = Mixer(100, 100, jitter_samples=0, voice_seconds=0.16)
    mixer.open_voice()
    for level in (0.1, 0.2, 0.3):
        mixer.play_voice(np.full(FRAME_SAMPLES, level, np.float32))
    assert mixer.voice_overflow == FRAME_SAMPLES
    assert mixer.voice_backlog_s == pytest.approx(0.16)
    assert render(mixer, 8)[-1] == pytest.approx(0.3)


def test_silent_frames_are_skipped_to_catch_up() -> None:
    mixer = full(jitter_samples=0)
    for _ in range(10):
        mixer.play_voice(QUIET_FRAME)
    waiting = CATCH_UP_SAMPLES + FRAME_SAMPLES
    assert mixer.voice_backlog_s * SAMPLE_RATE == pytest.approx(waiting)
    assert mixer.skipped_frames == 10 - waiting // FRAME_SAMPLES
    mixer.play_voice(FRAME)
    assert mixer.voice_backlog_s * SAMPLE_RATE == pytest.approx(waiting + FRAME_SAMPLES)


def test_a_late_voice_that_is_never_silent_catches_up_within_seconds() -> None:
    mixer = full()
    second = np.sin(2 * np.pi * 150 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32) / 2
    frames = np.tile(second, 16)[: 160 * FRAME_SAMPLES].reshape(160, FRAME_SAMPLES)
    for frame in frames[:20]:  # 1.6 s at once: the answers to a pre-roll
        mixer.play_voice(frame)
    delays, played = [], []
    for frame in frames[20:]:
        mixer.play_voice(frame)
        played.append(mixer.render(FRAME_SAMPLES, 0.0))
        delays.append(mixer.voice_backlog_s)
    caught_up = next(index for index, delay in enumerate(delays) if delay * SAMPLE_RATE <= CATCH_UP_SAMPLES)
    assert caught_up * FRAME_SECONDS < 8.0
    assert max(delays[caught_up:]) * SAMPLE_RATE <= LATE_SAMPLES
    steepest = np.abs(np.diff(second)).max()
    assert np.abs(np.diff(np.concatenate(played)[FRAME_SAMPLES:])).max() < 1.05 * steepest
    assert mixer.underruns == mixer.voice_overflow == 0


def test_silence_is_there_within_one_block_and_does_not_click() -> None:
    mixer = full(jitter_samples=0)
    mixer.play_voice(FRAME)
    mixer.play(FRAME)
    before = mixer.render(BLOCK_SAMPLES, 0.0)
    mixer.play(FRAME)
    mixer.silence()
    after = render(mixer, 4)
    assert np.abs(np.diff(np.concatenate([before[-1:], after]))).max() < 2 / FADE_SAMPLES
    assert not after[BLOCK_SAMPLES:].any()
    assert not after[FADE_SAMPLES:].any()
    assert mixer.underruns == 0
    assert mixer.voice_backlog_s == 0


def test_silence_of_nothing_stays_silent() -> None:
    mixer = full()
    mixer.silence()
    mixer.silence()
    assert not render(mixer, 2).any()


def test_earcons_play_one_after_the_other_over_the_voice() -> None:
    mixer = full(jitter_samples=0)
    mixer.play_voice(np.full(FRAME_SAMPLES, 0.25, np.float32))
    mixer.play(np.full(700, 0.1, np.float32))
    mixer.play(np.full(300, 0.2, np.float32))
    played = render(mixer, 3)
    assert played[FADE_SAMPLES:700] == pytest.approx(0.35)
    assert played[700:1000] == pytest.approx(0.45)
    assert played[1000:] == pytest.approx(0.25)


def test_of_too_many_waiting_earcons_the_oldest_is_dropped() -> None:
    mixer = Mixer(100, 100)
    levels = [0.1 * (i + 1) for i in range(MAX_WAITING_EARCONS + 1)]
    for level in levels:
        mixer.play(np.full(BLOCK_SAMPLES, level, np.float32))
    heard = [float(mixer.render(BLOCK_SAMPLES, 0.0)[0]) for _ in range(MAX_WAITING_EARCONS + 1)]
    assert heard == pytest.approx([*levels[1:], 0.0])


def test_the_volume_scale() -> None:
    assert gain(0) == 0.0
    assert gain(100) == 1.0
    assert 20 * np.log10(gain(50)) == pytest.approx(-18.06, abs=0.01)


def test_volumes_multiply_and_a_change_glides_over_one_block() -> None:
    mixer = Mixer(100, 50)
    mixer.play(np.full(4 * BLOCK_SAMPLES, 0.8, np.float32))
    loud = 0.8 * 0.125
    assert mixer.render(BLOCK_SAMPLES, 0.0) == pytest.approx(loud)
    mixer.volume = 50
    change = mixer.render(BLOCK_SAMPLES, 0.0)
    assert np.abs(np.diff(change)).max() < 1.1 * loud / BLOCK_SAMPLES
    assert mixer.render(BLOCK_SAMPLES, 0.0) == pytest.approx(loud * 0.125)
    mixer.volume = 0
    mixer.render(BLOCK_SAMPLES, 0.0)
    assert not mixer.render(BLOCK_SAMPLES, 0.0).any()


@pytest.mark.parametrize(("asked", "got"), [(-5, 0), (0, 0), (100, 100), (170, 100)])
def test_the_volume_stays_on_its_scale(asked: int, got: int) -> None:
    mixer = Mixer(70, 50)
    mixer.volume = asked
    assert mixer.volume == got


def test_too_loud_a_mix_bends_and_never_exceeds_one() -> None:
    mixer = full(jitter_samples=0)
    for _ in range(2):
        mixer.play_voice(np.full(FRAME_SAMPLES, 1.0, np.float32))
        mixer.play(np.full(FRAME_SAMPLES, 1.0, np.float32))
    played = render(mixer, 8)
    assert 0.95 < np.abs(played).max() <= 1.0
    ramp = np.linspace(-3, 3, 1001, dtype=np.float32)
    bent = limit(ramp)
    assert np.array_equal(bent[np.abs(ramp) <= 0.8], ramp[np.abs(ramp) <= 0.8])
    assert (np.diff(bent) >= 0).all()
    assert bent == pytest.approx(-bent[::-1])


def test_it_may_be_silenced_and_fed_while_it_renders() -> None:
    mixer = full()
    done = threading.Event()
    blocks: list[Samples] = []

    def output() -> None:
        while not done.is_set():
            blocks.append(mixer.render(BLOCK_SAMPLES, 0.0))

    thread = threading.Thread(target=output)
    thread.start()
    for turn in range(300):
        mixer.play_voice(FRAME)
        mixer.play(FRAME[:100])
        if turn % 10 == 9:
            mixer.silence()
    done.set()
    thread.join(10)
    assert not thread.is_alive()
    assert all(len(block) == BLOCK_SAMPLES and np.abs(block).max() <= 1.0 for block in blocks)
    mixer.silence()
    mixer.render(BLOCK_SAMPLES, 0.0)
    assert not mixer.render(BLOCK_SAMPLES, 0.0).any()


def test_another_volume_of_the_earcons_is_heard_at_once() -> None:
    mixer = full()
    mixer.earcon_volume = 50
    assert mixer.earcon_volume == 50
    mixer.play(FRAME)
    assert render(mixer, 1).max() == pytest.approx(0.5 * gain(50), rel=1e-5)
