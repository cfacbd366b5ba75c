"""The small codec against the reference values, whole and in a stream."""

from collections.abc import Sequence

import mlx.core as mx
import pytest

from moshi_speaker.moshi.mimi.codec import Mimi
from moshi_speaker.moshi.mimi.config import MimiConfig

FRAME = 1920
RAGGED = [1, 7, 2, 30, 1, 19]
"""Frames a call; 60 in all, and the window of 24 positions is passed after 12."""

Values = dict[str, mx.array]


def _relative(found: mx.array, expected: mx.array) -> float:
    assert found.shape == expected.shape
    return float(mx.abs(found - expected).max() / mx.abs(expected).max())


def _encode(mimi: Mimi, pcm: mx.array, frames: Sequence[int], chunk_frames: int = 1) -> mx.array:
    state = mimi.make_encoder_state(pcm.shape[0], chunk_frames=chunk_frames)
    codes, start = [], 0
    for count in frames:
        codes.append(mimi.encode(pcm[:, start * FRAME : (start + count) * FRAME], state))
        start += count
    return mx.concatenate(codes, axis=2)


def _decode(mimi: Mimi, codes: mx.array, frames: Sequence[int], chunk_frames: int = 1) -> mx.array:
    state = mimi.make_decoder_state(codes.shape[0], chunk_frames=chunk_frames)
    pcm, start = [], 0
    for count in frames:
        pcm.append(mimi.decode(codes[:, :, start : start + count], state))
        start += count
    return mx.concatenate(pcm, axis=1)


@pytest.mark.parametrize("chunk_frames", [1, 25, 100])
def test_whole_sound_gives_the_reference_latent_codes_and_sound(
    small_mimi: Mimi, reference: Values, chunk_frames: int
) -> None:
    pcm = reference["pcm"][:, 0]
    latent = small_mimi.latent(pcm, small_mimi.make_encoder_state(chunk_frames=chunk_frames))
    assert _relative(latent.transpose(0, 2, 1), reference["latent"]) < 1e-4
    codes = small_mimi.encode(pcm, small_mimi.make_encoder_state(chunk_frames=chunk_frames))
    assert codes.dtype == mx.int32
    assert mx.array_equal(codes, reference["codes"]).item()
    decoded = small_mimi.decode(codes, small_mimi.make_decoder_state(chunk_frames=chunk_frames))
    assert _relative(decoded, reference["decoded"][:, 0]) < 1e-4


@pytest.mark.parametrize("frames", [[1] * 60, RAGGED], ids=["frame by frame", "ragged"])
@pytest.mark.parametrize("chunk_frames", [1, 4])
def test_a_stream_equals_the_whole_beyond_the_window(
    small_mimi: Mimi, reference: Values, frames: list[int], chunk_frames: int
) -> None:
    codes = _encode(small_mimi, reference["pcm"][:, 0], frames, chunk_frames)
    assert mx.array_equal(codes, reference["codes"]).item()
    decoded = _decode(small_mimi, codes, frames, chunk_frames)
    assert _relative(decoded, reference["decoded"][:, 0]) < 1e-4


def test_a_fresh_state_begins_again_and_a_used_one_does_not(small_mimi: Mimi, reference: Values) -> None:
    pcm = reference["pcm"][:, 0, : 4 * FRAME]
    state = small_mimi.make_encoder_state()
    first, second = small_mimi.latent(pcm, state), small_mimi.latent(pcm, state)
    assert mx.array_equal(small_mimi.latent(pcm, small_mimi.make_encoder_state()), first).item()
    assert _relative(second, first) > 1e-2


def test_interleaved_streams_do_not_disturb_each_other(small_mimi: Mimi, reference: Values) -> None:
    pcm, codes = reference["pcm"][:, 0], reference["codes"]
    forward, half = small_mimi.make_decoder_state(), small_mimi.make_decoder_state()
    heard = []
    for i in range(10):
        heard.append(small_mimi.decode(codes[:, :, i : i + 1], forward))
        small_mimi.decode(codes[:, :, 30 + i : 31 + i], half)
        small_mimi.encode(pcm[:, i * FRAME : (i + 1) * FRAME], small_mimi.make_encoder_state())
    expected = reference["decoded"][:, 0, : 10 * FRAME]
    assert _relative(mx.concatenate(heard, axis=1), expected) < 1e-4


def test_streams_of_a_batch_are_independent(small_mimi: Mimi, reference: Values) -> None:
    pcm = reference["pcm"][:, 0]
    both = mx.concatenate([pcm[:, : 10 * FRAME], pcm[:, 10 * FRAME : 20 * FRAME]])
    codes = _encode(small_mimi, both, [3, 7])
    apart = [_encode(small_mimi, both[i : i + 1], [10]) for i in range(2)]
    assert mx.array_equal(codes, mx.concatenate(apart)).item()
    sound = _decode(small_mimi, codes, [3, 7])
    for i in range(2):
        assert _relative(sound[i : i + 1], _decode(small_mimi, apart[i], [10])) < 1e-4


@pytest.mark.parametrize("count", [1, 2, 5])
def test_fewer_codebooks_are_the_first_ones(
    small_config: MimiConfig, small_weights: Values, small_mimi: Mimi, reference: Values, count: int
) -> None:
    mimi = Mimi(small_config, count)
    mimi.load_weights(list(mimi.sanitize(small_weights).items()))
    first = reference["codes"][:, :count, :20]
    codes = _encode(mimi, reference["pcm"][:, 0, : 20 * FRAME], [20])
    assert mx.array_equal(codes, first).item()
    sound = _decode(mimi, codes, [20])
    assert _relative(sound, _decode(small_mimi, first, [20])) < 1e-5
    assert _relative(sound, reference["decoded"][:, 0, : 20 * FRAME]) > 1e-3


@pytest.mark.parametrize("count", [0, 9])
def test_a_number_of_codebooks_that_the_checkpoint_lacks_is_refused(
    small_config: MimiConfig, count: int
) -> None:
    with pytest.raises(ValueError, match="not 1 to 8"):
        Mimi(small_config, count)


@pytest.mark.parametrize("samples", [0, 1, 1919, 1921])
def test_sound_that_is_not_whole_frames_is_refused(small_mimi: Mimi, samples: int) -> None:
    with pytest.raises(ValueError, match="positive multiple of 1920"):
        small_mimi.encode(mx.zeros((1, samples)), small_mimi.make_encoder_state())


def test_a_long_stream_needs_no_more_memory_once_the_window_is_full(small_mimi: Mimi) -> None:
    encoder, decoder = small_mimi.make_encoder_state(), small_mimi.make_decoder_state()
    pcm = mx.random.normal((1, FRAME), key=mx.random.key(0))
    held = []
    for _ in range(120):
        # Only the results are evaluated, as in a conversation; the states follow.
        mx.eval(small_mimi.decode(small_mimi.encode(pcm, encoder), decoder))
        held.append(mx.get_active_memory())
    assert max(held[60:]) < max(held[20:60]) + 50_000
