"""Compiled frames against plain ones, in the form for Apple's GPUs, which MLX also computes on a CPU.

There MLX compiles with the system's C++ compiler.
"""

import gc
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest

from moshi_speaker.moshi.mimi import elu, norm, transformer
from moshi_speaker.moshi.mimi.codec import Mimi
from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.mimi.seanet import Seanet
from moshi_speaker.moshi.mimi.state import CodecState

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="MLX calls g++ on a CPU")

FRAME = 1920
PUBLISHED_CONTEXT = 250
FRAMES = 320
"""More than twice round the ring of the published window."""

Direction = Callable[[mx.array, CodecState], mx.array]
MakeMimi = Callable[..., Mimi]


@pytest.fixture(scope="module", autouse=True)
def as_on_metal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """MLX compiles in the temporary folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("compiled")))
        for module in (elu, norm):
            patch.setattr(module, "on_cpu", lambda: False)
        patch.setattr(transformer, "on_metal", lambda: True)
        yield


@pytest.fixture(scope="module")
def make_mimi(small_config: MimiConfig, small_weights: dict[str, mx.array]) -> MakeMimi:
    """The small codec with a window of a length that is asked for."""

    def make(*, compiled: bool, context: int = PUBLISHED_CONTEXT) -> Mimi:
        window = replace(small_config.transformer, context=context)
        mimi = Mimi(replace(small_config, transformer=window), 8, compiled=compiled)
        mimi.load_weights(list(mimi.sanitize(small_weights).items()))
        return mimi

    return make


@pytest.fixture(scope="module")
def plain(make_mimi: MakeMimi) -> Mimi:
    return make_mimi(compiled=False)


@pytest.fixture(scope="module")
def fused(make_mimi: MakeMimi) -> Mimi:
    return make_mimi(compiled=True)


@pytest.fixture(scope="module")
def sound() -> mx.array:
    """(1, samples): noise of changing loudness."""
    rng = np.random.default_rng(5)
    loudness = np.repeat(rng.uniform(0.01, 0.5, FRAMES), FRAME)
    return mx.array((loudness * rng.standard_normal(FRAMES * FRAME)).astype(np.float32))[None]


def frames_of(sound: mx.array, count: int, start: int = 0) -> list[mx.array]:
    return [sound[:, i * FRAME : (i + 1) * FRAME] for i in range(start, start + count)]


def stream(direction: Direction, state: CodecState, frames: list[mx.array]) -> list[mx.array]:
    """One frame after the other, each computed before the next, as in a talk."""
    done = []
    for frame in frames:
        done.append(direction(frame, state))
        mx.eval(done[-1])
    return done


def close(found: list[mx.array], expected: list[mx.array]) -> bool:
    """Within 1e-5 of the largest value."""
    one, other = mx.concatenate(found, axis=1), mx.concatenate(expected, axis=1)
    return bool((mx.abs(one - other).max() <= 1e-5 * mx.abs(other).max()).item())


def same(found: list[mx.array], expected: list[mx.array]) -> bool:
    return all(mx.array_equal(one, other).item() for one, other in zip(found, expected, strict=True))


def count_runs(monkeypatch: pytest.MonkeyPatch) -> list[Seanet]:
    """A list that grows whenever Python goes through an encoder or a decoder."""
    run, runs = Seanet.__call__, list[Seanet]()

    def counted(self: Seanet, *arguments: object) -> mx.array:
        runs.append(self)
        return run(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Seanet, "__call__", counted)
    return runs


def test_compiled_frames_are_plain_ones_and_are_traced_once(
    plain: Mimi, make_mimi: MakeMimi, sound: mx.array, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = frames_of(sound, FRAMES)
    before = plain.make_encoder_state()
    codes = stream(plain.encode, before, frames)
    voice = stream(plain.decode, plain.make_decoder_state(), codes)
    fused = make_mimi(compiled=True)
    runs = count_runs(monkeypatch)
    after = fused.make_encoder_state()
    assert same(stream(fused.encode, after, frames), codes)
    assert close(stream(fused.decode, fused.make_decoder_state(), codes), voice)
    # The first frame of a stream, and the trace on the second.
    assert runs == 2 * [fused.encoder] + 2 * [fused.decoder]
    # A latent shows more of what is remembered than codes do.
    assert close([fused.latent(frames[0], after)], [plain.latent(frames[0], before)])
    runs.clear()
    assert same(stream(fused.encode, fused.make_encoder_state(), frames[:5]), codes[:5])
    assert runs == [fused.encoder]


def test_two_compiled_streams_take_turns(plain: Mimi, fused: Mimi, sound: mx.array) -> None:
    first, second = frames_of(sound, 20), frames_of(sound, 20, start=20)
    apart = [stream(plain.encode, plain.make_encoder_state(), frames) for frames in (first, second)]
    states = fused.make_encoder_state(), fused.make_encoder_state()
    decoder = fused.make_decoder_state()
    together: list[list[mx.array]] = [[], []]
    voice = []
    for pair in zip(first, second, strict=True):
        for k, frame in enumerate(pair):
            together[k].append(fused.encode(frame, states[k]))
        voice.append(fused.decode(together[0][-1], decoder))
    assert same(together[0], apart[0])
    assert same(together[1], apart[1])
    assert close(voice, stream(plain.decode, plain.make_decoder_state(), apart[0]))


def test_longer_calls_and_batches_fit_in_between(plain: Mimi, fused: Mimi, sound: mx.array) -> None:
    pieces = [1, 1, 3, 1, 2, 1]
    both = mx.concatenate([sound[:, : 9 * FRAME], sound[:, 9 * FRAME : 18 * FRAME]])
    results = []
    for mimi in (plain, fused):
        encoder, decoder = mimi.make_encoder_state(2), mimi.make_decoder_state(2)
        codes, voice, start = [], [], 0
        for count in pieces:
            codes.append(mimi.encode(both[:, start * FRAME : (start + count) * FRAME], encoder))
            voice.append(mimi.decode(codes[-1], decoder))
            start += count
        results.append((codes, voice))
    assert same(results[1][0], results[0][0])
    assert close(results[1][1], results[0][1])


@pytest.mark.parametrize("compiled", [False, True])
def test_the_form_for_gpus_gives_the_reference_values(
    make_mimi: MakeMimi, reference: dict[str, mx.array], compiled: bool
) -> None:
    mimi = make_mimi(compiled=compiled, context=24)
    frames = frames_of(reference["pcm"][:, 0], 60)
    codes = stream(mimi.encode, mimi.make_encoder_state(), frames)
    assert mx.array_equal(mx.concatenate(codes, axis=2), reference["codes"]).item()
    voice = mx.concatenate(stream(mimi.decode, mimi.make_decoder_state(), codes), axis=1)
    expected = reference["decoded"][:, 0]
    assert (mx.abs(voice - expected).max() < 1e-4 * mx.abs(expected).max()).item()


@pytest.mark.parametrize("compiled", [False, True])
def test_keys_and_values_are_written_in_place(make_mimi: MakeMimi, sound: mx.array, compiled: bool) -> None:
    """The peak of a frame holds no second ring, and hence no frame copies one."""
    mimi = make_mimi(compiled=compiled, context=20_000)
    state = mimi.make_encoder_state()
    stream(mimi.encode, state, frames_of(sound, 3))
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    stream(mimi.encode, state, frames_of(sound, 5, start=3))
    assert mx.get_peak_memory() - before < state.transformer.rings[0].nbytes / 2


def test_a_codec_that_is_dropped_leaves_no_memory_behind(make_mimi: MakeMimi, sound: mx.array) -> None:
    frames = frames_of(sound, 3)
    mx.eval(frames)
    gc.collect()
    before = mx.get_active_memory()
    mimi = make_mimi(compiled=True)
    stream(mimi.encode, mimi.make_encoder_state(), frames)
    weights = mx.get_active_memory() - before
    del mimi
    gc.collect()
    assert mx.get_active_memory() - before < weights / 10
