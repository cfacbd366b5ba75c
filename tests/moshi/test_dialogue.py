import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.moshi import dialogue
from moshi_speaker.moshi.dialogue import Dialogue, DialogueFrame, activation_dtype, load, load_files
from moshi_speaker.moshi.hub import ModelFiles, files_in
from moshi_speaker.moshi.lm.checkpoint import load_lm
from moshi_speaker.moshi.lm.generate import Generator
from moshi_speaker.moshi.lm.sampling import GREEDY, Sampling
from moshi_speaker.moshi.lm.temporal import MoshiLm
from moshi_speaker.moshi.memory import Unpack
from moshi_speaker.moshi.mimi.checkpoint import load_mimi
from moshi_speaker.moshi.mimi.quantizer import SplitQuantizer
from moshi_speaker.moshi.synthetic import Recipe, write_checkpoint
from moshi_speaker.moshi.tokenizer import Tokenizer
from moshi_speaker.settings import ModelSettings

Sound = NDArray[np.float32]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    """Random throughout, so that every code of the user changes what is said."""
    folder = tmp_path_factory.mktemp("random")
    write_checkpoint(folder, Recipe(shaped=False))
    return files_in(folder, "random")


@pytest.fixture(scope="module")
def load_model(files: ModelFiles) -> Callable[[Sampling], Dialogue]:
    return lambda sampling: load_files(files, sampling)


def noise(frames: int, seed: int = 0) -> Sound:
    return np.random.default_rng(seed).normal(0, 0.2, (frames, 1_920)).astype(np.float32)


def same(one: DialogueFrame, other: DialogueFrame) -> bool:
    assert one.audio is not None and other.audio is not None
    return (one.text, one.silent) == (other.text, other.silent) and np.array_equal(one.audio, other.audio)


def test_every_frame_is_answered_with_a_frame_from_the_first_on(
    load_model: Callable[[Sampling], Dialogue],
) -> None:
    model = load_model(Sampling(seed=1))
    for frame in [model.step(pcm) for pcm in noise(6)]:
        assert frame.audio is not None
        assert frame.audio.shape == (1_920,)
        assert frame.audio.dtype == np.float32
        assert np.abs(frame.audio).max() <= 1.0


@pytest.mark.parametrize("changed", [0, 3, 7])
def test_a_sound_is_answered_in_its_own_frame(changed: int, files: ModelFiles, tiny_model: Path) -> None:
    # The codec of the shaped model is sure to tell a sound from silence.
    talkative = load_files(replace(files_in(tiny_model, "mixed"), lm=files.lm), GREEDY)
    silence = np.zeros((8, 1_920), np.float32)
    sound = silence.copy()
    sound[changed] = noise(1)
    before = [talkative.step(pcm) for pcm in silence]
    talkative.reset()
    after = [talkative.step(pcm) for pcm in sound]
    equal = [same(a, b) for a, b in zip(before, after, strict=True)]
    assert equal.index(False) == changed


def test_the_text_is_all_that_was_generated_step_zero_included(files: ModelFiles) -> None:
    dtype = activation_dtype()
    lm = load_lm(files.lm, files.config.lm, dtype)
    mimi = load_mimi(files.mimi, files.mimi_config, files.config.lm.codebooks)
    tokenizer = Tokenizer(files.tokenizer)
    sampling = Sampling(seed=4, text_temperature=3.0, text_top_k=400)
    generator, encoder = Generator(lm, sampling, dtype), mimi.make_encoder_state()
    sound = noise(12)
    steps = [generator.start(), *(generator.step(mimi.encode(mx.array(pcm)[None], encoder)) for pcm in sound)]
    text = tokenizer.stream()
    expected = [text.push(np.array(step.text)[0]) for step in steps]
    model = Dialogue("random", lm, mimi, tokenizer, sampling, dtype)
    assert [model.step(pcm).text for pcm in sound] == [expected[0] + expected[1], *expected[2:]]
    assert expected[0]


def test_a_talk_after_a_reset_knows_nothing_of_the_one_before(
    load_model: Callable[[Sampling], Dialogue],
) -> None:
    model = load_model(Sampling(seed=2))
    first = [model.step(pcm) for pcm in noise(5)]
    model.reset()
    again = [model.step(pcm) for pcm in noise(5)]
    assert all(same(a, b) for a, b in zip(first, again, strict=True))


def test_without_a_seed_two_talks_differ(load_model: Callable[[Sampling], Dialogue]) -> None:
    model = load_model(Sampling())
    first = [model.step(pcm) for pcm in noise(5)]
    model.reset()
    again = [model.step(pcm) for pcm in noise(5)]
    assert not all(same(a, b) for a, b in zip(first, again, strict=True))


def test_the_device_is_waited_for_once_a_step(
    load_model: Callable[[Sampling], Dialogue], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(Sampling())
    model.step(noise(1)[0])
    waits: list[int] = []

    def count(*arrays: Any) -> None:  # noqa: ANN401 - as MLX declares it
        waits.append(len(arrays))
        evaluate(*arrays)

    evaluate = mx.eval
    monkeypatch.setattr(mx, "eval", count)
    for pcm in noise(3, seed=1):
        model.step(pcm)
    assert len(waits) == 3


def test_nothing_between_sound_and_voice_waits_for_the_device(files: ModelFiles) -> None:
    dtype = activation_dtype()
    generator = Generator(load_lm(files.lm, files.config.lm, dtype), Sampling(), dtype)
    mimi = load_mimi(files.mimi, files.mimi_config, files.config.lm.codebooks)
    encoder, decoder = mimi.make_encoder_state(), mimi.make_decoder_state()
    generator.start()

    def step(pcm: mx.array) -> tuple[mx.array, mx.array]:
        answer = generator.step(mimi.encode(pcm, encoder))
        assert answer.codes is not None
        return answer.text, mimi.decode(answer.codes, decoder)

    # While MLX traces a function, whatever asks for a value raises.
    text, voice = mx.compile(step)(mx.array(noise(1)))
    assert (text.shape, voice.shape) == ((1,), (1, 1_920))


@pytest.mark.skipif(shutil.which("g++") is None, reason="MLX calls g++ on a CPU")
def test_where_steps_are_compiled_a_talk_is_the_same_and_the_codec_is_compiled_too(
    files: ModelFiles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sound = noise(6)
    plain = load_files(files, GREEDY)
    expected = [plain.step(pcm) for pcm in sound]
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(dialogue, "compiles", lambda: True)
    compiled = load_files(files, GREEDY)
    decode, runs = SplitQuantizer.decode, list[mx.array]()

    def note(quantizer: SplitQuantizer, codes: mx.array) -> mx.array:
        runs.append(codes)
        return decode(quantizer, codes)

    monkeypatch.setattr(SplitQuantizer, "decode", note)
    for pcm, before in zip(sound, expected, strict=True):
        after = compiled.step(pcm)
        assert after.text == before.text
        assert after.audio is not None and before.audio is not None
        assert np.abs(after.audio - before.audio).max() < 1e-4
    # The first frame, and the trace.
    assert len(runs) == 2


@pytest.mark.parametrize(
    ("wanted", "dtype"), [("never", mx.uint32), ("always", mx.float32), ("auto", mx.float32)]
)
def test_on_a_cpu_quantized_weights_are_unpacked_as_the_settings_say(
    wanted: Unpack, dtype: mx.Dtype, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogue, "on_cpu", lambda: True)
    monkeypatch.setattr(dialogue, "available_bytes", lambda: 10**9)
    loaded: list[MoshiLm] = []

    def note(*args: Any, **kwargs: Any) -> MoshiLm:  # noqa: ANN401 - as load_lm takes them
        loaded.append(load_lm(*args, **kwargs))
        return loaded[-1]

    monkeypatch.setattr(dialogue, "load_lm", note)
    load(ModelSettings(source=str(tiny_model), dequantize=wanted), lambda text: None)
    assert loaded[0].text_linear.weight.dtype == dtype


def test_a_model_is_loaded_as_the_settings_say(tiny_model: Path) -> None:
    told: list[str] = []
    settings = ModelSettings(source=str(tiny_model), seed=11, audio_temperature=0.3, text_top_k=5)
    model = load(settings, told.append)
    assert told == ["loading"]
    assert model.model == str(tiny_model)
    assert dialogue.sampling(settings) == Sampling(0.7, 5, 0.3, 250, 11)
    assert model.memory_bytes() > 4_000_000
