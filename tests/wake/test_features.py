"""The embeddings of the Linux wheel's models, step by step: the published networks are the oracle."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.wake.detector import CHUNK_SAMPLES
from tests.hearing import Sound

pyopen_wakeword = pytest.importorskip("pyopen_wakeword", reason="pyopen-wakeword has wheels for Linux only")

from moshi_speaker.audio.wavfile import read_audio  # noqa: E402 (needs the library)
from moshi_speaker.wake import features  # noqa: E402
from moshi_speaker.wake.embedding import FEATURES, MELS, STEP, WINDOW  # noqa: E402
from moshi_speaker.wake.features import Features, WholeWindows, streaming  # noqa: E402
from moshi_speaker.wake.pyopen import PyOpenEngine  # noqa: E402
from moshi_speaker.wake.tflite import Network, bundled  # noqa: E402

ROOT = Path(__file__).parents[2]
WORD = ROOT / "daemon/moshi_speaker/data/hey_jarvis.wav"
LEAD_CHUNKS = 32
"""Noise before a word: the windows of a classifier, and what the first of them needs."""


@pytest.fixture
def network() -> Iterator[Network]:
    """The embedding network as it is published."""
    network = Network(bundled("embedding_model"))
    network.prepare((1, WINDOW, MELS, 1))
    yield network
    network.close()


def mels(steps: int) -> NDArray[np.float32]:
    """A random spectrogram with the range of a real one."""
    noise = 2.0 + 3.0 * np.random.default_rng(7).standard_normal((steps, STEP, MELS))
    return noise.astype(np.float32)


def spoken(phase: int, level_dbfs: float, noise: float) -> NDArray[np.int16]:
    """Chunks of a room in which the word is said at a level and at a phase of the chunks."""
    word: Sound = read_audio(WORD, 16_000)
    word = word / np.sqrt(np.mean(np.square(word))) * 10 ** (level_dbfs / 20) * 32_768
    lead = np.zeros(LEAD_CHUNKS * CHUNK_SAMPLES + phase, np.float32)
    sound = np.concatenate((lead, word, np.zeros(16_000, np.float32)))
    sound += noise * np.random.default_rng(phase).standard_normal(len(sound)).astype(np.float32)
    whole = len(sound) // CHUNK_SAMPLES * CHUNK_SAMPLES
    return np.clip(np.rint(sound[:whole]), -32_768, 32_767).astype(np.int16).reshape(-1, CHUNK_SAMPLES)


def library_scores(chunks: NDArray[np.int16]) -> list[float]:
    """What the classes of the library give, chunk by chunk."""
    sound = pyopen_wakeword.OpenWakeWordFeatures.from_builtin()
    word = pyopen_wakeword.OpenWakeWord.from_builtin(pyopen_wakeword.Model.HEY_JARVIS)
    scores = []
    for chunk in chunks:
        score = 0.0
        for embeddings in sound.process_streaming(chunk.tobytes()):
            for probability in word.process_streaming(embeddings):
                score = probability
        scores.append(score)
    return scores


def test_step_by_step_gives_what_whole_windows_give(network: Network) -> None:
    embedding, oracle = streaming(network), WholeWindows(network)
    assert embedding is not None
    ours, theirs = [], []
    for step in mels(60):
        ours.append(embedding.feed(step))
        theirs.append(oracle.feed(step))
    assert ours[0].shape == (FEATURES,)
    assert np.abs(theirs[9:]).max() > 10.0
    assert np.allclose(ours[9:], theirs[9:], atol=1e-4)
    assert not np.allclose(ours[2], theirs[2], atol=1.0), "a window that is not full means nothing"


def test_a_state_is_all_that_it_remembers(network: Network) -> None:
    embedding = streaming(network)
    assert embedding is not None
    for step in mels(20):
        embedding.feed(step)
    state = embedding.state()
    first = [embedding.feed(step) for step in mels(12)]
    embedding.restore(state)
    assert np.array_equal([embedding.feed(step) for step in mels(12)], first)


@pytest.mark.parametrize(
    ("level_dbfs", "noise"), [(-20.0, 33.0), (-40.0, 10.0), (-50.0, 10.0), (-30.0, 300.0)]
)
@pytest.mark.parametrize("phase", [370, 1_111])
def test_scores_are_those_of_the_library_a_chunk_sooner(level_dbfs: float, noise: float, phase: int) -> None:
    chunks = spoken(phase, level_dbfs, noise)
    engine = PyOpenEngine(["hey_jarvis"])
    ours = [engine.scores(chunk)[0] for chunk in chunks]
    theirs = library_scores(chunks)
    settled = LEAD_CHUNKS - 2
    assert ours[settled:-1] == pytest.approx(theirs[settled + 1 :], abs=1e-3)
    if level_dbfs > -50.0:
        assert max(ours) > 0.9


def test_after_a_reset_there_has_been_silence() -> None:
    fresh, used = Features(), Features()
    chunks = spoken(0, -20.0, 33.0)
    for chunk in chunks:
        used.feed(chunk)
    used.reset()
    assert np.array_equal([fresh.feed(chunk) for chunk in chunks[:20]], [used.feed(c) for c in chunks[:20]])


def test_an_unknown_network_is_computed_whole_and_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = PyOpenEngine(["hey_jarvis"])
    monkeypatch.setattr(features, "_BIASES", (*range(23, 42), 14))
    engine = PyOpenEngine(["hey_jarvis"])
    assert "an unknown embedding network" in caplog.text
    for chunk in spoken(0, -20.0, 33.0)[LEAD_CHUNKS - 5 : LEAD_CHUNKS + 10]:
        assert engine.scores(chunk) == pytest.approx(expected.scores(chunk), abs=1e-3)


def test_a_network_that_computes_something_else_is_noticed(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = (*features._KERNELS[:17], features._KERNELS[18], features._KERNELS[17], features._KERNELS[19])
    monkeypatch.setattr(features, "_KERNELS", order)
    assert streaming(network) is None
    swapped = (*features._BIASES[:17], features._BIASES[18], features._BIASES[17], features._BIASES[19])
    monkeypatch.undo()
    monkeypatch.setattr(features, "_BIASES", swapped)
    assert streaming(network) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts the threads of Linux")
def test_no_thread_is_started() -> None:
    before = len(list(Path("/proc/self/task").iterdir()))
    engine = PyOpenEngine(["hey_jarvis"])
    engine.scores(np.zeros(CHUNK_SAMPLES, np.int16))
    assert len(list(Path("/proc/self/task").iterdir())) == before
