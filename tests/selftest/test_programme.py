import numpy as np
import pytest

from moshi_speaker.audio.activity import level_dbfs
from moshi_speaker.audio.frames import SAMPLE_RATE, WAKE_CHUNK_SAMPLES, WAKE_RATE
from moshi_speaker.audio.resample import convert, to_int16
from moshi_speaker.selftest.programme import LISTEN_S, SWEEP_S, harmonic_lead, programme, speech, sweep
from moshi_speaker.settings import WakeSettings
from moshi_speaker.wake.auto import open_engine


def test_there_is_silence_then_a_sweep_then_silence_then_speech() -> None:
    plan = programme(100, 5.0)
    assert not plan.sound[: plan.sweep].any()
    assert plan.sweep == 3 * SAMPLE_RATE
    assert plan.sound[plan.sweep : plan.sweep + SAMPLE_RATE].any()
    assert plan.speech - plan.sweep == round((SWEEP_S + LISTEN_S) * SAMPLE_RATE)
    assert not plan.sound[plan.speech - SAMPLE_RATE : plan.speech].any()
    assert plan.speech_end - plan.speech == 5 * SAMPLE_RATE
    assert not plan.sound[plan.speech_end :].any()


@pytest.mark.parametrize(("second", "hertz"), [(0.5, 316.0), (1.0, 1_000.0), (1.5, 3_162.0)])
def test_the_pitch_of_the_sweep_rises_by_the_same_factor_in_the_same_time(
    second: float, hertz: float
) -> None:
    near = sweep()[round(second * SAMPLE_RATE) - 600 : round(second * SAMPLE_RATE) + 600]
    crossings = np.count_nonzero(np.diff(np.signbit(near))) / 2
    assert crossings / (1_200 / SAMPLE_RATE) == pytest.approx(hertz, rel=0.07)


def test_the_second_harmonic_is_ahead_by_the_time_in_which_the_pitch_doubles() -> None:
    assert harmonic_lead(2.0) == pytest.approx(2.0 * np.log(2.0) / np.log(100.0))


def test_the_sweep_begins_and_ends_softly() -> None:
    assert np.abs(sweep()[:50]).max() < 0.01
    assert np.abs(sweep()[-5:]).max() < 0.01
    assert np.abs(sweep()).max() == pytest.approx(0.25, abs=0.001)


def test_the_speech_is_as_loud_as_moshi_and_no_sentence_is_the_same_sound() -> None:
    sound = speech(8.0)
    assert len(sound) == 8 * SAMPLE_RATE
    assert level_dbfs(sound) == pytest.approx(-23.0, abs=1.5)
    block = sound[SAMPLE_RATE // 2 : SAMPLE_RATE]
    alike = np.correlate(sound[SAMPLE_RATE:], block, "valid") / (block @ block)
    assert np.abs(alike).max() < 0.8


def test_the_volume_is_that_of_the_speaker() -> None:
    assert level_dbfs(programme(100, 4.0).sound) - level_dbfs(programme(50, 4.0).sound) == pytest.approx(
        18.06, abs=0.01
    )


def test_a_speaker_that_runs_does_not_take_it_for_its_wake_word() -> None:
    heard = to_int16(convert(programme(100, 8.0).sound, SAMPLE_RATE, WAKE_RATE))
    engine = open_engine(WakeSettings())
    try:
        chunks = heard[: len(heard) // WAKE_CHUNK_SAMPLES * WAKE_CHUNK_SAMPLES].reshape(
            -1, WAKE_CHUNK_SAMPLES
        )
        assert max(max(engine.scores(chunk)) for chunk in chunks) < 0.1
    finally:
        engine.close()
