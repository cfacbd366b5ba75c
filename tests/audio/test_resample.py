from collections.abc import Callable

import numpy as np
import pytest

from moshi_speaker.audio.frames import FRAME_SAMPLES, SAMPLE_RATE, WAKE_CHUNK_SAMPLES, WAKE_RATE, Samples
from moshi_speaker.audio.resample import DELAY_SECONDS, Downsampler, StreamResampler, convert, to_int16

Tone = Callable[..., Samples]


def purity_db(sound: Samples, hertz: float, rate: int) -> float:
    """Power of the best-fitting sine against everything else."""
    t = np.arange(len(sound)) / rate
    basis = np.stack([np.sin(2 * np.pi * hertz * t), np.cos(2 * np.pi * hertz * t)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, sound.astype(np.float64), rcond=None)[0]
    return float(10 * np.log10(np.mean(fit**2) / np.mean((sound - fit) ** 2)))


def test_a_tone_stays_pure_through_the_stream(tone: Tone) -> None:
    resampler = StreamResampler(SAMPLE_RATE, WAKE_RATE)
    sound = tone(1000, 2.0)
    pieces = [resampler.feed(sound[i : i + 480]) for i in range(0, len(sound), 480)]
    pieces.append(resampler.feed(sound[:0], last=True))
    out = np.concatenate(pieces)
    assert len(out) == 2 * WAKE_RATE
    assert out.dtype == np.float32
    assert purity_db(out[1600:-1600], 1000, WAKE_RATE) > 80


def test_the_stream_does_not_move_sound_in_time(tone: Tone) -> None:
    resampler = StreamResampler(SAMPLE_RATE, WAKE_RATE)
    sound = np.zeros(SAMPLE_RATE, np.float32)
    sound[12_000] = 1.0
    out = np.concatenate([resampler.feed(sound), resampler.feed(sound[:0], last=True)])
    assert int(np.argmax(np.abs(out))) == 8_000


def test_what_the_lower_rate_cannot_hold_is_removed(tone: Tone) -> None:
    out = convert(tone(10_000, 1.0), SAMPLE_RATE, WAKE_RATE)
    assert np.abs(out[800:-800]).max() < 1e-3


def test_a_reset_stream_equals_a_new_one(tone: Tone) -> None:
    used, fresh = StreamResampler(44_100, SAMPLE_RATE), StreamResampler(44_100, SAMPLE_RATE)
    used.feed(tone(300, 0.5, rate=44_100))
    used.reset()
    sound = tone(700, 0.5, rate=44_100)
    assert np.array_equal(used.feed(sound), fresh.feed(sound))


def test_equal_rates_pass_through(tone: Tone) -> None:
    sound = tone(300, 0.1)
    assert np.array_equal(StreamResampler(SAMPLE_RATE, SAMPLE_RATE).feed(sound), sound)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_a_whole_stereo_sound_becomes_mono_at_the_wanted_rate(tone: Tone, rate: int) -> None:
    left = tone(440, 1.0, rate=rate)
    mono = convert(np.stack([left, 0 * left], axis=1), rate, SAMPLE_RATE)
    assert mono.shape == (SAMPLE_RATE,)
    assert purity_db(mono[1000:-1000], 440, SAMPLE_RATE) > 80
    assert np.abs(mono[1000:-1000]).max() == pytest.approx(0.25, rel=0.01)


def test_integers_clip_and_do_not_wrap() -> None:
    given = to_int16(np.asarray([0.0, 0.5, 1.0, 3.0, -1.0, -3.0], np.float32))
    assert given.tolist() == [0, 16384, 32767, 32767, -32768, -32768]


def test_every_frame_becomes_a_whole_chunk_at_once(tone: Tone) -> None:
    downsampler = Downsampler()
    sound = tone(440, 0.8)
    lengths = [len(downsampler.feed(frame)) for frame in sound.reshape(-1, FRAME_SAMPLES)]
    assert lengths == [WAKE_CHUNK_SAMPLES] * 10


@pytest.mark.parametrize("hertz", [100, 1_000, 3_800, 7_000])
def test_a_downsampled_tone_is_the_same_tone_later(hertz: float) -> None:
    downsampler = Downsampler()
    sound = np.sin(2 * np.pi * hertz * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    out = np.concatenate([downsampler.feed(piece) for piece in np.split(sound, [30, 3_000, 3_003, 20_001])])
    assert out.dtype == np.float32
    t = np.arange(len(out)) / WAKE_RATE - DELAY_SECONDS
    assert np.allclose(out[200:], np.sin(2 * np.pi * hertz * t)[200:], atol=2e-4)


def test_what_the_wake_words_rate_cannot_hold_is_removed() -> None:
    sound = np.sin(2 * np.pi * 9_000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    assert np.abs(Downsampler().feed(sound)[200:]).max() < 2e-4


def test_a_reset_begins_after_silence_and_odd_pieces_are_refused(tone: Tone) -> None:
    downsampler = Downsampler()
    sound = tone(440, 0.1)
    first = downsampler.feed(sound)
    assert not np.array_equal(downsampler.feed(sound), first)
    downsampler.reset()
    assert np.array_equal(downsampler.feed(sound), first)
    assert len(downsampler.feed(sound[:0])) == 0
    with pytest.raises(ValueError, match="multiple of three"):
        downsampler.feed(sound[:4])
